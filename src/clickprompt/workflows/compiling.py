"""The language model's layers compiled for a step's training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clickprompt.contracts import ChosenTokens, TokenBatch
from clickprompt.language import wanted
from clickprompt.methods import ClickPrompt, Method
from clickprompt.training import FinetuneConfig, PretrainConfig, autocast
from clickprompt.workflows.recipe import Recipe


@contextmanager
def compiled(
    method: Method, recipe: Recipe, config: PretrainConfig | FinetuneConfig, device: torch.device
) -> Iterator[None]:
    """Within the block the language model's layers run compiled, where the recipe asks for it. To be entered after the
    optimizer is built: which parameters are trained decides what is translated.

    Raises ClickPromptError where compilation fails.
    """
    asked = recipe.language_model is not None and recipe.language_model.compile
    if not asked or not isinstance(method, ClickPrompt):
        yield
        return
    from clickprompt.language import compile_layers

    clickprompt: ClickPrompt = method
    with compile_layers(method.language, lambda: _read_a_little(clickprompt, config, device)):
        yield


def _read_a_little(method: ClickPrompt, config: PretrainConfig | FinetuneConfig, device: torch.device) -> None:
    """Two sentences of three tokens, read as training reads; no gradient is left behind."""
    place = torch.arange(3, device=device).repeat(2)
    tokens = TokenBatch(torch.zeros_like(place), place, torch.tensor([0, 3], device=device), ((2, 3),))
    if isinstance(config, PretrainConfig):
        chosen: ChosenTokens | None = ChosenTokens(torch.tensor([1, 2, 4], device=device), 2)
    else:
        chosen = wanted(tokens, method.pooling)
    trained = any(parameter.requires_grad for parameter in method.ctr.parameters())
    q = torch.zeros(2, method.ctr.representation_dim, device=device, requires_grad=trained)
    with autocast(device, config.precision, reads_words=True):
        pooling = "mean" if isinstance(config, PretrainConfig) else method.pooling
        states = method.language(tokens, method.prompts(q), keep=pooling, chosen=chosen).last
    if states.requires_grad:
        leaves = (q, *method.language.parameters(), *method.prompts.parameters())
        torch.autograd.grad(states.float().sum(), [leaf for leaf in leaves if leaf.requires_grad], allow_unused=True)
