"""Token states become one vector a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from clickprompt.contracts import TokenBatch
from clickprompt.language.config import PoolingName

if TYPE_CHECKING:
    from clickprompt.language.encoder import EncoderStates


def pool(states: EncoderStates, tokens: TokenBatch, pooling: PoolingName) -> Tensor:
    """States (batch, length, d) → (batch, d).

    `cls`: last[:, 0]. `mean`: mean of last over real tokens, special ones included. `mean_first_last`: the same of
    (embeddings + last)/2. `mean_last_two`: of (last but one + last)/2. `states` must have been kept for this pooling.
    """
    if pooling == "cls":
        return states.last[:, 0]
    other = {"mean": None, "mean_first_last": states.embeddings, "mean_last_two": states.last_but_one}[pooling]
    if other is None and pooling != "mean":
        raise ValueError(f"the encoder was not asked to keep states for {pooling} pooling")
    mixed = states.last if other is None else (states.last + other) / 2
    if tokens.mask is None:
        return mixed.mean(dim=1)
    weights = tokens.mask.to(mixed.dtype)
    return (weights[:, None] @ mixed).squeeze(1) / weights.sum(dim=1, keepdim=True)
