"""Many items, one vector: how the embeddings of a list's items become the list field's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from clickprompt.contracts import ListIds, Pooling


class ListPooling(nn.Module):
    """e_f = Σ_i e_i (sum), Σ_i e_i / n (mean) or Σ_i a_i e_i (attention) over the n items of field f's list.

    Attention: a = softmax within the list of ⟨w_f, e_i⟩/√width, w_f a learned query; a bias would cancel. w_f starts at
    zero, where attention is the mean. It is pooling by a learned seed (Lee et al., arXiv 1810.00825, section 3.2) with
    one seed and head and no projections; scores are scaled as in arXiv 1706.03762, eq. 1.

    Jagged throughout: an item costs its own lookup and no padding, and no list's sum depends on the rows beside it. An
    empty list, which batches of this library never hold, is zero.
    """

    def __init__(self, pooling: Sequence[Pooling | None], width: int) -> None:
        super().__init__()
        self.pooling = {field: kind for field, kind in enumerate(pooling) if kind is not None}
        self.attending = [field for field, kind in self.pooling.items() if kind == "attention"]
        if self.attending:
            self.queries = nn.Parameter(torch.zeros(len(self.attending), width))

    def forward(self, items: Tensor, ids: ListIds) -> Tensor:
        """Embeddings of all items of one field (all items, width) → of its lists (batch, width)."""
        lengths = ids.offsets.diff()
        owner = torch.repeat_interleave(lengths, output_size=len(items))
        total = items.new_zeros(len(lengths), items.shape[1])
        kind = self.pooling[ids.field]
        if kind == "attention":
            query = self.queries[self.attending.index(ids.field)]
            weights = _softmax_numerators((items * query).sum(1) * len(query) ** -0.5, owner, len(lengths))
            whole = weights.new_zeros(len(lengths)).index_add(0, owner, weights)
            return total.index_add(0, owner, items * weights.unsqueeze(1)) / whole.clamp(min=1).unsqueeze(1)
        pooled = total.index_add(0, owner, items)
        return pooled if kind == "sum" else pooled / lengths.clamp(min=1).unsqueeze(1)

    def embed(self, table: nn.Module, feature_ids: Tensor, lists: Sequence[ListIds]) -> Tensor:
        """(batch, fields, width) by one lookup of everything the batch holds; list fields' `feature_ids` are not read.

        Raises ValueError where `lists` are not those of the list fields, in order.
        """
        if [ids.field for ids in lists] != list(self.pooling):
            given = [ids.field for ids in lists]
            raise ValueError(f"list fields are {list(self.pooling)}, but the batch has lists of {given}")
        runs = _runs(feature_ids.shape[1], self.pooling)
        alone = [feature_ids[:, start:stop].reshape(-1) for start, stop in runs]
        looked_up = [*alone, *(ids.members for ids in lists)]
        vectors = table(torch.cat(looked_up)).split([len(part) for part in looked_up])
        pieces = {
            start: part.unflatten(0, (-1, stop - start)) for (start, stop), part in zip(runs, vectors, strict=False)
        }
        for ids, items in zip(lists, vectors[len(runs) :], strict=True):
            pieces[ids.field] = self(items, ids).unsqueeze(1)
        return torch.cat([pieces[place] for place in sorted(pieces)], dim=1)

    def extra_repr(self) -> str:
        return ", ".join(f"field {field}: {kind}" for field, kind in self.pooling.items())


def _softmax_numerators(scores: Tensor, owner: Tensor, lists: int) -> Tensor:
    """exp(score − the list's highest): the highest becomes 1, and none overflows."""
    highest = scores.new_full((lists,), float("-inf")).scatter_reduce(0, owner, scores.detach(), "amax")
    return torch.exp(scores - highest.index_select(0, owner))


def _runs(fields: int, lists: dict[int, Pooling]) -> list[tuple[int, int]]:
    """Neighbouring fields that hold one value each: where each run begins and ends."""
    edges = [-1, *lists, fields]
    return [(low + 1, high) for low, high in pairwise(edges) if low + 1 < high]
