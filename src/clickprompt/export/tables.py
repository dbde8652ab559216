"""The embedding table of an exported model: as it is, or in 8-bit integers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_ROWS_AT_ONCE = 1 << 18


class FloatTable(nn.Module):
    """Ids int64 (…) → rows float32 (…, width)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", weight.detach())

    rows: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """The rows of these ids."""
        return torch.embedding(self.rows, ids)

    def placeholder(self) -> FloatTable:
        """A table of a few rows that traces to the same graph."""
        return FloatTable(self.rows[:2].clone())


class Int8Table(nn.Module):
    """e = scale · code, codes int8 in [−127, 127] and a float32 scale for each part of each row.

    A row holds its embedding and, in some models, further numbers of another size beside it (a first-order weight, a
    second embedding): those are the second part, with a scale of its own.
    """

    def __init__(self, codes: Tensor, scales: Tensor, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.register_buffer("rows", codes)
        self.register_buffer("scales", scales)

    rows: Tensor
    scales: Tensor

    @classmethod
    def of(cls, weight: Tensor, embedding_dim: int) -> Int8Table:
        """Round each part of a row to 127 steps of its largest number; a part of zeros stays zero."""
        table = weight.detach().cpu().numpy()
        parts = [part for part in (slice(0, embedding_dim), slice(embedding_dim, table.shape[1])) if _width(part)]
        codes = np.empty(table.shape, np.int8)
        scales = np.empty((len(table), len(parts)), np.float32)
        for start in range(0, len(table), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            for place, part in enumerate(parts):
                largest = np.abs(table[some, part]).max(1)
                scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
                codes[some, part] = np.rint(table[some, part] / scale[:, None])
                scales[some, place] = scale
        return cls(torch.from_numpy(codes), torch.from_numpy(scales), embedding_dim)

    def forward(self, ids: Tensor) -> Tensor:
        """The rows of these ids, float32 (…, width)."""
        codes, scales = torch.embedding(self.rows, ids).float(), torch.embedding(self.scales, ids)
        if scales.shape[-1] == 1:
            return codes * scales
        first, second = torch.tensor_split(codes, [self.embedding_dim], dim=-1)
        return torch.cat([first * scales[..., :1], second * scales[..., 1:]], dim=-1)

    def placeholder(self) -> Int8Table:
        """A table of a few rows that traces to the same graph."""
        return Int8Table(self.rows[:2].clone(), self.scales[:2].clone(), self.embedding_dim)


def _width(part: slice) -> int:
    return int(part.stop - part.start)
