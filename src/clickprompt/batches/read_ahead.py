"""Asks the system to read from disk what will be needed next, and to let go of what was."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from typing import Self

import numpy as np

from clickprompt.batches.chained import Chained, Rows

_AT_ONCE = 1 << 17
"""Bytes of a request: Linux cuts longer ones at what the disk takes in one go, silently."""


class ReadAhead:
    """Advice on rows of arrays, of which those that are no read-only memory maps of whole files are passed over.

    Within the `with` block the system reads what it is asked for and, where that is not in memory (any more), the page
    that is touched: what it would guess to be needed besides is megabytes of other rows. Nothing depends on it but
    speed: a system may ignore it, and where there is no `madvise` none is given.
    """

    def __init__(self, arrays: Iterable[Rows]) -> None:
        self._maps: list[_Map] = []
        for array in arrays:
            chain = array if isinstance(array, Chained) else Chained([array])
            for part, first in zip(chain.parts, chain.starts, strict=False):
                if isinstance(part, np.memmap) and part.mode == "r" and isinstance(part.base, mmap.mmap):
                    self._maps.append(_Map(part, part.base, int(first)))

    def __enter__(self) -> Self:
        for of in self._maps:
            of.advise("MADV_RANDOM", 0, len(of.memory))
        return self

    def __exit__(self, *error: object) -> None:
        for of in self._maps:
            of.advise("MADV_NORMAL", 0, len(of.memory))

    def ask(self, start: int, stop: int) -> None:
        """Rows `start` to `stop` (exclusive) will be needed: read them without making anyone wait."""
        for of in self._maps:
            low, high = of.bytes_of(start, stop)
            for place in range(low, high, _AT_ONCE):
                of.advise("MADV_WILLNEED", place, min(_AT_ONCE, high - place))

    def release(self, start: int, stop: int) -> None:
        """Rows `start` to `stop` (exclusive) are done: they count as this process' memory no longer."""
        for of in self._maps:
            low, high = of.bytes_of(start, stop)
            of.advise("MADV_DONTNEED", low, high - low)


class _Map:
    def __init__(self, array: np.memmap, memory: mmap.mmap, first: int) -> None:
        self.memory = memory
        self.before = array.offset % mmap.ALLOCATIONGRANULARITY
        self.first = first
        self.rows = len(array)
        self.row_bytes = array.strides[0]

    def bytes_of(self, start: int, stop: int) -> tuple[int, int]:
        """Whole pages of the map that hold these rows of the chain; none where it has none of them."""
        low, high = (min(max(row - self.first, 0), self.rows) for row in (start, stop))
        if low >= high:
            return 0, 0
        begin = self.before + low * self.row_bytes
        return begin - begin % mmap.PAGESIZE, self.before + high * self.row_bytes

    def advise(self, name: str, place: int, size: int) -> None:
        advice = getattr(mmap, name, None)
        if advice is not None and size:
            self.memory.madvise(advice, place, size)
