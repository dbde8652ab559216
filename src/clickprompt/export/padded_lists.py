"""Lists as rectangles: items padded to one length, as exported graphs take them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clickprompt.contracts import Pooling
from clickprompt.ctr.list_pooling import ListPooling


class PaddedPooling(nn.Module):
    """What `ListPooling` computes for one list field, over padded items instead of items laid end to end.

    Shapes: items (rows, most, width), present bool (rows, most) → (rows, width). Padding adds nothing to any sum, so
    both agree but for the order of summation. A list without items is zero.
    """

    def __init__(self, pooling: ListPooling, field: int) -> None:
        super().__init__()
        self.kind: Pooling = pooling.pooling[field]
        if self.kind == "attention":
            self.register_buffer("query", pooling.queries[pooling.attending.index(field)].detach().clone())

    query: Tensor

    def forward(self, items: Tensor, present: Tensor) -> Tensor:
        """Embeddings of padded items and where there is an item at all → one embedding a list."""
        if self.kind == "attention":
            weights = self._softmax_numerators(items, present)
            whole = weights.sum(1, keepdim=True).clamp(min=1)
            return (items * weights.unsqueeze(2)).sum(1) / whole
        pooled = (items * present.unsqueeze(2)).sum(1)
        return pooled if self.kind == "sum" else pooled / present.sum(1, keepdim=True).clamp(min=1)

    def _softmax_numerators(self, items: Tensor, present: Tensor) -> Tensor:
        """exp(score − the list's highest), 0 at padding; the highest becomes 1, and none overflows."""
        scores = (items * self.query).sum(2) * self.query.shape[0] ** -0.5
        scores = scores.masked_fill(~present, torch.finfo(scores.dtype).min)
        return torch.exp(scores - scores.amax(1, keepdim=True)) * present
