"""The language model's layers compiled for a step's training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch

from clickprompt.contracts import ChosenTokens, Prompts, Reads, TokenBatch
from clickprompt.language import PoolingName, wanted
from clickprompt.methods import ClickPrompt, Method
from clickprompt.training import FinetuneConfig, FinetuneWithLanguageModelConfig, PretrainConfig, autocast
from clickprompt.workflows.recipe import Recipe

if TYPE_CHECKING:
    from clickprompt.language import PromptedEncoder


@contextmanager
def compiled(
    method: Method, recipe: Recipe, config: PretrainConfig | FinetuneConfig, device: torch.device
) -> Iterator[None]:
    """Within the block the language model's layers run compiled, where the recipe asks for it. To be entered after the
    optimizer is built: which parameters are trained decides what is translated.

    Raises ClickPromptError where compilation fails.
    """
    asked = recipe.language_model is not None and recipe.language_model.compile
    asked = asked and isinstance(config, PretrainConfig | FinetuneWithLanguageModelConfig)  # else it reads nothing here
    with ExitStack() as stack:
        for encoder in method.encoders() if asked else ():
            from clickprompt.language import compile_layers

            read_a_little = partial(_read_a_little, encoder, method, recipe, config, device)
            stack.enter_context(compile_layers(encoder, read_a_little))
        yield


def compile_interaction(
    method: Method, config: PretrainConfig | FinetuneConfig, micro_batch_size: int, reads: Reads
) -> None:
    """Compile the ID model's interaction for training batches, where the section asks for it and there is one."""
    if config.compile_interaction and method.ctr is not None:
        whole = reads in ("ids", "values")
        method.ctr.compile_interaction(config.batch_size if whole else min(config.batch_size, micro_batch_size))


def _read_a_little(
    encoder: PromptedEncoder,
    method: Method,
    recipe: Recipe,
    config: PretrainConfig | FinetuneConfig,
    device: torch.device,
) -> None:
    """Two sentences of three tokens, read as training reads; no gradient is left behind."""
    place = torch.arange(3, device=device).repeat(2)
    tokens = TokenBatch(torch.zeros_like(place), place, torch.tensor([0, 3], device=device), ((2, 3),))
    hidden = isinstance(config, PretrainConfig) and bool(recipe.method.hides)
    if hidden:
        chosen: ChosenTokens | None = ChosenTokens(torch.tensor([1, 2, 4], device=device), 2)
    else:
        chosen = wanted(tokens, method.pooling)
    prompts, leaves = _prompts(method, device)
    with autocast(device, config.precision, reads_words=True):
        keep: PoolingName = "mean" if hidden else method.pooling
        states = encoder(tokens, prompts, keep=keep, chosen=chosen).last
    if states.requires_grad:
        leaves = [leaf for leaf in (*leaves, *encoder.parameters()) if leaf.requires_grad]
        torch.autograd.grad(states.float().sum(), leaves, allow_unused=True)


def _prompts(method: Method, device: torch.device) -> tuple[Prompts | None, list[torch.Tensor]]:
    """Prompts for two sentences, if the method writes any, and what they were made of."""
    if not isinstance(method, ClickPrompt) or method.prompts is None:
        return None, []
    trained = any(parameter.requires_grad for parameter in method.ctr.parameters())
    q = torch.zeros(2, method.ctr.representation_dim, device=device, requires_grad=trained)
    return method.prompts(q), [q, *method.prompts.parameters()]
