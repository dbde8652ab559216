"""Values drawn by training frequency: what a hidden value is told from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clickprompt.contracts import FieldStatistics


class Negatives(nn.Module):
    """Draws values v with probability count_v / Σ counts, within their field or over all; unseen ones count once.

    A table of running counts is searched for a uniform ticket, so a draw costs O(log values) and no table of its own.
    """

    cumulative: Tensor
    offsets: Tensor
    log_frequency: Tensor
    """float (values,): log of each value's share of its field."""

    def __init__(self, statistics: FieldStatistics) -> None:
        super().__init__()
        counts = torch.tensor(statistics.counts).long().clamp(min=1)
        cumulative = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
        offsets = torch.tensor(statistics.offsets).long()
        field_totals = cumulative[offsets[1:]] - cumulative[offsets[:-1]]
        self.register_buffer("cumulative", cumulative, persistent=False)
        self.register_buffer("offsets", offsets, persistent=False)
        per_value = torch.repeat_interleave(field_totals, offsets.diff())
        self.register_buffer("log_frequency", torch.log(counts / per_value.clamp(min=1)), persistent=False)

    def within(self, fields: Tensor, count: int) -> Tensor:
        """`count` values of each given field: fields int64 (chosen,) → int64 (chosen, count)."""
        low = self.cumulative[self.offsets[fields]].unsqueeze(1)
        high = self.cumulative[self.offsets[fields + 1]].unsqueeze(1)
        return self._draw(low, high, len(fields), count)

    def over_all(self, chosen: int, count: int) -> Tensor:
        """Values of whatever field: int64 (chosen, count)."""
        return self._draw(self.cumulative[0], self.cumulative[-1], chosen, count)

    def _draw(self, low: Tensor, high: Tensor, chosen: int, count: int) -> Tensor:
        uniform = torch.rand(chosen, count, device=self.cumulative.device, dtype=torch.float64)
        ticket = low + (uniform * (high - low)).long()
        return torch.searchsorted(self.cumulative, ticket, right=True) - 1
