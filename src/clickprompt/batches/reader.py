"""A split of a prepared folder, read as batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clickprompt.batches.chained import chained
from clickprompt.batches.row_ids import RowIds, list_ids
from clickprompt.batches.sentences import Sentences, masked_tokens, token_batch
from clickprompt.batches.sides import Sides
from clickprompt.batches.values import ValueVectors
from clickprompt.contracts import ClickBatch, FieldStatistics, Hidden
from clickprompt.table import Members, Split
from clickprompt.text import at_least_one, mask_tokens, mask_values, uniforms, uniforms_at

_OOV_DROPOUT_STREAM, _FIELD_STREAM, _ITEM_DROPOUT_STREAM = 101, 102, 103
"""Draws of OOV dropout, of masked fields and of OOV dropout within lists; masked words have streams of their own."""
_ROWS_SORTED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Masking:
    """What pretraining hides, and how much of it; word pieces, values and fields are drawn independently.

    With values hidden, each row has at least one of its values and, where any can be, one of its ids hidden.
    """

    rate: float
    """Share of word pieces, or of fields."""
    seed: int
    hides: tuple[Hidden, ...]


class SplitReader:
    """Gathers any rows of a split (or of several, one after another) as a ClickBatch, without a loop over rows.

    `fixed` (value index by place of the field) stands in every row in place of its own value: see `Field.score_as`.
    `members` (of each value) is needed where a field is a list. Whoever reads rows as sentences, as sides or as vectors
    of their values hands over `sentences`, `sides` or `vectors`. `shuffled_on_disk` says that rows lie in a random
    order, so that training may read them block by block.
    """

    def __init__(
        self,
        splits: Sequence[Split],
        embedding_rows: np.ndarray,
        statistics: FieldStatistics,
        sentences: Sentences | None = None,
        fixed: Mapping[int, int] | None = None,
        members: Members | None = None,
        sides: Sides | None = None,
        vectors: ValueVectors | None = None,
        shuffled_on_disk: bool = False,
    ) -> None:
        self.value_ids = chained([split.value_ids for split in splits])
        self.labels = chained([split.labels for split in splits])
        weights = [split.weights for split in splits if split.weights is not None]
        self.weights = chained(weights) if weights else None
        self.shuffled_on_disk = shuffled_on_disk
        self.embedding_rows = embedding_rows
        self.oov_rows = int(statistics.offsets[-1]) + np.arange(statistics.num_fields)
        self.list_fields = [field for field, pooling in enumerate(statistics.pooling) if pooling is not None]
        if self.list_fields and members is None:
            raise ValueError("there are list fields; hand over the members of their values")
        self.members = members
        self.sentences = sentences
        self.sides = sides
        self.vectors = vectors
        self.fixed = dict(fixed or {})

    def __len__(self) -> int:
        return len(self.value_ids)

    @property
    def row_bytes(self) -> int:
        """Of a row's value indices."""
        return 4 * len(self.oov_rows)

    @property
    def reads_sentences(self) -> bool:
        """Whether batches hold sentences, of whole rows or of their sides."""
        return self.sentences is not None or self.sides is not None

    def values_of(self, rows: np.ndarray) -> np.ndarray:
        """Value indices, int32 (rows, fields), with the fixed ones in their columns."""
        values = self.value_ids[rows]
        if self.fixed:
            values = np.array(values)
            values[:, list(self.fixed)] = list(self.fixed.values())
        return values

    def feature_ids(self, rows: np.ndarray, oov_dropout: float = 0.0, seed: int = 0, epoch: int = 0) -> np.ndarray:
        """Embedding rows, int64 (rows, fields); with OOV dropout drawn by (seed, epoch, row, field) alone."""
        ids = self.embedding_rows[self.values_of(rows)].astype(np.int64)
        if oov_dropout:
            draws = uniforms(seed, epoch, _OOV_DROPOUT_STREAM, rows, np.arange(ids.shape[1]))
            ids = np.where(draws < oov_dropout, self.oov_rows, ids)
        return ids

    def ids(self, rows: np.ndarray, oov_dropout: float = 0.0, seed: int = 0, epoch: int = 0) -> RowIds:
        """`feature_ids` and the items of lists; OOV dropout draws each item by its place in the list besides."""
        lists = {field: self._items(field, rows, oov_dropout, seed, epoch) for field in self.list_fields}
        return RowIds(self.feature_ids(rows, oov_dropout, seed, epoch), lists)

    def _items(self, field: int, rows: np.ndarray, oov_dropout: float, seed: int, epoch: int) -> Members:
        assert self.members is not None
        lists = self.members.take(self.value_ids[rows, field])
        if not oov_dropout:
            return lists
        place = lists.positions() * len(self.oov_rows) + field
        draws = uniforms_at(seed, epoch, _ITEM_DROPOUT_STREAM, rows[lists.owners()], place)
        return Members(lists.offsets, np.where(draws < oov_dropout, self.oov_rows[field], lists.rows))

    def batch(self, rows: np.ndarray, of_rows: RowIds, masking: Masking | None = None, epoch: int = 0) -> ClickBatch:
        """The given rows, whose embedding rows are already known, with their sentences if this reader has any."""
        tokens = masked = masked_fields = None
        if self.sentences is not None:
            ids, lengths = self.sentences.lay_out(self.values_of(rows))
            if masking is not None and "words" in masking.hides:
                ids, positions, targets = mask_tokens(
                    ids, lengths, rows, masking.seed, epoch, self.sentences.tokenizer, masking.rate
                )
                masked = masked_tokens(positions, targets, lengths)
            elif masking is not None and "values" in masking.hides:
                of_tokens, fields = self.sentences.value_fields(self.values_of(rows)), len(self.oov_rows)
                ids, positions, targets = mask_values(
                    ids, of_tokens, lengths, rows, fields, masking.seed, epoch, self.sentences.tokenizer, masking.rate
                )
                masked = masked_tokens(positions, targets, lengths)
            tokens = token_batch(ids, lengths)
        if masking is not None and "fields" in masking.hides:
            masked_fields = torch.from_numpy(self._masked_fields(rows, of_rows.features, masking, epoch))
        return ClickBatch(
            rows=torch.from_numpy(rows),
            feature_ids=torch.from_numpy(of_rows.features),
            labels=torch.from_numpy(self.labels[rows].astype(np.float32)),
            weights=None if self.weights is None else torch.from_numpy(self.weights[rows].astype(np.float32)),
            tokens=tokens,
            masked=masked,
            masked_fields=masked_fields,
            sides=() if self.sides is None else self.sides.read(self.values_of(rows)),
            value_vectors=None if self.vectors is None else torch.from_numpy(self.vectors.of(self.values_of(rows))),
            lists=list_ids(of_rows.lists) if of_rows.lists else (),
        )

    def _masked_fields(self, rows: np.ndarray, feature_ids: np.ndarray, masking: Masking, epoch: int) -> np.ndarray:
        """Which fields are hidden, bool (rows, fields), drawn by (seed, epoch, row, field) alone; no OOV, no list."""
        draws = uniforms(masking.seed, epoch, _FIELD_STREAM, rows, np.arange(feature_ids.shape[1]))
        allowed = feature_ids < self.oov_rows[0]
        if "values" in masking.hides:
            return at_least_one(draws, masking.rate, allowed)
        return (draws < masking.rate) & allowed

    def in_order(self, batch_size: int) -> Iterator[ClickBatch]:
        """Every row once, for scoring: in row order, or by sentence length where words are read.

        Rows are sorted by length some at a time, so that memory and what is read from disk are bounded.
        """
        at_once = max(1, _ROWS_SORTED_AT_ONCE // batch_size) * batch_size
        for first in range(0, len(self), at_once):
            order = np.arange(first, min(first + at_once, len(self)))
            if self.reads_sentences:
                order = order[np.argsort(self.lengths(order), kind="stable")]
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                yield self.batch(rows, self.ids(rows))

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Tokens of each row's sentence, or of those of its sides together, int64 (rows,)."""
        texts = self.sides if self.sentences is None else self.sentences
        if texts is None:
            raise ValueError("this reader was made without sentences")
        return texts.lengths(self.values_of(rows))
