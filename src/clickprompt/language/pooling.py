"""Token states become one vector a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clickprompt.contracts import ChosenTokens, TokenBatch
from clickprompt.language.config import PoolingName

if TYPE_CHECKING:
    from clickprompt.language.encoder import EncoderStates


def pool(states: EncoderStates, tokens: TokenBatch, pooling: PoolingName) -> Tensor:
    """States (tokens, d) → (batch, d).

    `cls`: last of the first token; `states` may hold these alone. `mean`: mean of last over the sentence, special
    tokens included. `mean_first_last`: the same of (embeddings + last)/2. `mean_last_two`: of (last but one + last)/2.
    `states` must have been kept for this pooling.
    """
    if states.chosen is not None and (pooling != "cls" or states.chosen.positions is not tokens.starts):
        raise ValueError(f"{pooling} pooling was handed the states of other words than it reads")
    if pooling == "cls":
        return states.last if states.chosen is not None else states.last.index_select(0, tokens.starts)
    other = {"mean": None, "mean_first_last": states.embeddings, "mean_last_two": states.last_but_one}[pooling]
    if other is None and pooling != "mean":
        raise ValueError(f"the encoder was not asked to keep states for {pooling} pooling")
    mixed = states.last if other is None else (states.last + other) / 2
    runs = mixed.split([count * length for count, length in tokens.runs])
    means = [run.unflatten(0, own).mean(dim=1) for run, own in zip(runs, tokens.runs, strict=True)]
    return torch.cat(means) if means else mixed


def wanted(tokens: TokenBatch, pooling: PoolingName) -> ChosenTokens | None:
    """The words whose last states a pooling reads; None: all."""
    return ChosenTokens(tokens.starts, 1) if pooling == "cls" else None
