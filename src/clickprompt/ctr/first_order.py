"""First-order weights: one number per value, kept beside its embedding in the same row of the table."""

from __future__ import annotations

import torch
from torch import Tensor

from clickprompt.ctr.model import CTRModelConfig


class FirstOrderConfig(CTRModelConfig):
    """Settings of models that may have a linear term besides their interactions."""

    first_order: bool = False
    """Add Σ_f w_f, a weight of each value, to the logit; w_f is one more number in the value's row of the table."""

    @property
    def embedding_width(self) -> int:
        return self.embedding_dim + self.first_order


def split_first_order(rows: Tensor, embedding_dim: int) -> tuple[Tensor, Tensor]:
    """Rows of the table (batch, fields, embedding_width) → embeddings (batch, fields, embedding_dim) and Σ_f w_f.

    The sum is (batch, 1), or (batch, 0) where rows hold no first-order weight: it can end any concatenation.
    """
    embeddings, weights = torch.tensor_split(rows, [embedding_dim], dim=-1)
    return embeddings, weights.sum(dim=1)
