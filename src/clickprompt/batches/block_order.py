"""The order of an epoch over rows that lie shuffled on disk: blocks of neighbours, mixed many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK_BYTES = 1 << 18
"""Of value ids in a block: what a disk reads in one go, for which even one that seeks takes about 10 ms."""
BLOCKS_MIXED = 256
"""Blocks that are mixed with one another: 64 MiB of value ids, and as much again while the next ones are read."""


@dataclass(frozen=True)
class Window:
    """Blocks whose rows are given out together."""

    number: int
    """Of this window in its epoch."""
    blocks: np.ndarray
    """int64 (blocks,)"""
    first: int
    """Rows of the epoch before this window."""
    size: int
    """Rows in it."""


@dataclass(frozen=True)
class BlockOrder:
    """Every row once an epoch: blocks in an order drawn from (seed, epoch), `mixed` at a time with their rows shuffled.

    On rows that lie in a uniform order any batch is a uniform draw of rows, for each epoch by itself. Epochs are not
    independent of one another: rows of one block are mixed with the same window again. Two rows of a block meet in a
    batch of n with probability (n − 1) / (rows of a window − 1) instead of (n − 1) / (rows − 1).
    """

    rows: int
    """Rows in all."""
    block_rows: int
    """Rows of a block; the last block may have fewer."""
    mixed: int
    """Blocks of a window; the last window may have fewer."""

    @classmethod
    def of_width(cls, rows: int, row_bytes: int) -> BlockOrder:
        """For rows of `row_bytes` bytes on disk."""
        return cls(rows, max(1, BLOCK_BYTES // row_bytes), BLOCKS_MIXED)

    def spans(self, blocks: np.ndarray) -> list[tuple[int, int]]:
        """First row of each block, and where it ends (exclusive)."""
        starts = blocks * self.block_rows
        return list(zip(starts.tolist(), np.minimum(self.rows, starts + self.block_rows).tolist(), strict=True))

    def windows(self, seed: int, epoch: int) -> Iterator[Window]:
        """The windows of an epoch in the order they are given out."""
        blocks = np.random.default_rng([seed, epoch]).permutation(-(-self.rows // self.block_rows))
        first = 0
        for number, start in enumerate(range(0, len(blocks), self.mixed)):
            some = blocks[start : start + self.mixed]
            size = sum(stop - start for start, stop in self.spans(some))
            yield Window(number, some, first, size)
            first += size

    def rows_of(self, window: Window, seed: int, epoch: int) -> np.ndarray:
        """The rows of a window, int64 (rows,), in the order they are given out."""
        rows = np.concatenate([np.arange(*span) for span in self.spans(window.blocks)])
        np.random.default_rng([seed, epoch, 1 + window.number]).shuffle(rows)  # a last 0 would count for nothing
        return rows
