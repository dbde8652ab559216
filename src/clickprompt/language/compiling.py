"""torch.compile for what a Transformer layer does with each token alone: output, normalisation, feed-forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn

from clickprompt.compilation import compilation_for
from clickprompt.language.encoder import PromptedEncoder


@contextmanager
def compile_layers(encoder: PromptedEncoder, warm_up: Callable[[], object]) -> Iterator[None]:
    """Within the block the parts of every layer that hold no attention are translated; afterwards they are plain again.

    `warm_up` makes one forward and backward pass, at once and in training mode. Passes of its kind (precision, which
    parameters ask for a gradient, prompts, chosen words; two tokens or more) are translated then and no more: the
    number of tokens stays open, so there is one translation for each kind of part, and one more for a part whose input
    asks for a gradient in some layers alone. Scoring runs as ever.

    Raises ClickPromptError where compilation fails, as without a compiler.
    """
    was_training, parts = encoder.training, list(_parts(encoder))
    for part in parts:
        _compile(part)
    try:
        encoder.train()
        try:
            with compilation_for("language_model.compile"):
                warm_up()
        finally:
            encoder.train(was_training)
        yield
    finally:
        for part in parts:
            del part.forward


def _parts(encoder: PromptedEncoder) -> Iterator[nn.Module]:
    """The largest modules of each layer that neither are its attention nor hold it."""
    for layer, attention in zip(encoder.layers, encoder.attentions, strict=True):
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
