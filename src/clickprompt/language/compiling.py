"""torch.compile for what a Transformer layer does with each token alone: output, normalisation, feed-forward."""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

import torch
from torch import nn

from clickprompt.contracts import TokenBatch
from clickprompt.language.encoder import PromptedEncoder
from clickprompt.language.served import layer_list
from clickprompt.settings import ClickPromptError


def compile_layers(encoder: PromptedEncoder) -> None:
    """Translate, now, the parts of every layer that hold no attention; the number of tokens stays open, so there is one
    translation for each kind of part, whatever the batches. Scoring runs as ever.

    Raises ClickPromptError where compilation fails, as without a compiler.
    """
    was_training = encoder.training
    for part in _parts(encoder):
        _compile(part)
    try:
        place = torch.arange(3, device=next(encoder.parameters()).device)
        tokens = TokenBatch(torch.zeros_like(place), place, place[:1], ((1, 3),))
        encoder.train()(tokens).last.sum().backward()
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ClickPromptError(
            f"language_model.compile: torch.compile failed ({reason}); leave it out, or install a compiler"
        ) from error
    finally:
        encoder.train(was_training)
        encoder.zero_grad()


def _parts(encoder: PromptedEncoder) -> Iterator[nn.Module]:
    """The largest modules of each layer that neither are its attention nor hold it."""
    attentions = [module for module in encoder.model.modules() if hasattr(module, "prompt_layer")]  # type: ignore[union-attr]
    layers = layer_list(encoder.model, attentions)  # type: ignore[arg-type]
    for layer, attention in zip(layers, attentions, strict=True):
        yield from _without(layer, attention)


def _without(module: nn.Module, attention: nn.Module) -> Iterator[nn.Module]:
    for part in module.children():
        if part is attention:
            continue
        if any(inner is attention for inner in part.modules()):
            yield from _without(part, attention)
        elif any(True for _ in part.parameters()):
            yield part


def _compile(part: nn.Module) -> None:
    plain = type(part).forward
    compiled = torch.compile(plain, dynamic=True)

    def forward(module: nn.Module, *args: Any, **more: Any) -> Any:
        return (compiled if module.training else plain)(module, *args, **more)

    part.forward = MethodType(forward, part)  # type: ignore[method-assign]
