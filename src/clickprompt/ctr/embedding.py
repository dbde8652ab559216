"""The one embedding table of an ID model."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EmbeddingTable(nn.Module):
    """Rows of numbers looked up by index: ids int64 (…) → (…, width).

    A row-wise optimizer sets `lookup` while it trains the table; reading then goes through it, for it alone knows the
    present values of rows that it has not touched for a while.
    """

    def __init__(self, rows: int, width: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width).normal_(std=std))
        self.lookup: Callable[[Tensor], Tensor] | None = None

    def forward(self, ids: Tensor) -> Tensor:
        """The rows of these ids."""
        return F.embedding(ids, self.weight) if self.lookup is None else self.lookup(ids)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]:,} × {self.weight.shape[1]}"
