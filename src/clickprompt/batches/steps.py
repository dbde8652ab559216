"""The shuffled steps of training: a batch for the optimizer, cut into micro-batches of near-equal sentence length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from clickprompt.batches.blocks import recut, rows_by_block
from clickprompt.batches.reader import Masking, SplitReader
from clickprompt.batches.row_ids import RowIds
from clickprompt.contracts import ClickBatch, Hidden

_ROWS_GATHERED_AT_ONCE = 16_384
"""Enough that NumPy's cost per call vanishes, few enough to stay in the processor's cache."""


class TrainingSteps:
    """Every row once an epoch, in an order drawn from (seed, epoch).

    The rows of an optimizer step are a uniform draw, whatever their sentences' lengths; only within the step are they
    sorted by length and cut into micro-batches, so that these hold few lengths and the gradient is that of a random
    batch. Rows that lie shuffled on disk are read block by block: see `BlockOrder` for what that does to the draw.
    """

    def __init__(
        self,
        reader: SplitReader,
        *,
        batch_size: int,
        micro_batch_size: int,
        seed: int,
        oov_dropout: float = 0.0,
        mask_rate: float | None = None,
        hides: Sequence[Hidden] = ("words",),
    ) -> None:
        self.reader = reader
        self.batch_size = batch_size
        self.micro_batch_size = micro_batch_size
        self.seed = seed
        self.oov_dropout = oov_dropout
        self.masking = None if mask_rate is None else Masking(mask_rate, seed, tuple(hides))
        self.steps_per_epoch = math.ceil(len(reader) / batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[ClickBatch]]:
        """The micro-batches of each optimizer step from `start` on; which rows they hold does not depend on it."""
        chunk = max(1, _ROWS_GATHERED_AT_ONCE // self.batch_size) * self.batch_size
        for rows in recut(self._order(epoch, start * self.batch_size), chunk):
            ids = self.reader.ids(rows, self.oov_dropout, self.seed, epoch)
            for low in range(0, len(rows), self.batch_size):
                high = min(low + self.batch_size, len(rows))
                yield self._micro_batches(rows[low:high], ids.slice(low, high), epoch)

    def _order(self, epoch: int, first: int) -> Iterator[np.ndarray]:
        """Row numbers of an epoch from its `first` on, piece by piece."""
        if self.reader.shuffled_on_disk:
            return rows_by_block(self.reader, self.seed, epoch, first)
        return iter([np.random.default_rng([self.seed, epoch]).permutation(len(self.reader))[first:]])

    def _micro_batches(self, rows: np.ndarray, ids: RowIds, epoch: int) -> list[ClickBatch]:
        if not self.reader.reads_sentences:
            return [self.reader.batch(rows, ids, self.masking, epoch)]
        by_length = np.argsort(self.reader.lengths(rows), kind="stable")
        pieces = np.array_split(by_length, math.ceil(len(rows) / self.micro_batch_size))
        return [self.reader.batch(rows[piece], ids.take(piece), self.masking, epoch) for piece in pieces]
