"""Jagged rows: what each list holds, end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PADDING = -1
"""What stands behind the items of a shorter list where lists are a rectangle of embedding rows."""


@dataclass(frozen=True)
class Members:
    """Lists laid end to end: list n is `rows[offsets[n] : offsets[n + 1]]`, in the list's own order."""

    offsets: np.ndarray
    """int64 (lists + 1,)"""
    rows: np.ndarray
    """int32 (all items,): what the lists hold, such as the embedding row of each item."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 (lists,)"""
        return np.diff(self.offsets)

    def take(self, lists: np.ndarray) -> Members:
        """These lists alone, in this order."""
        starts = self.offsets[lists]
        lengths = self.offsets[lists + 1] - starts
        offsets = offsets_of(lengths)
        return Members(offsets, self.rows[np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])])

    def slice(self, start: int, stop: int) -> Members:
        """Lists `start` to `stop` (exclusive), without a copy of what they hold."""
        offsets = self.offsets[start : stop + 1]
        return Members(offsets - offsets[0], self.rows[offsets[0] : offsets[-1]])

    def keep(self, marked: np.ndarray) -> Members:
        """The same lists with only the items that are `marked`, bool (all items,)."""
        return Members(offsets_of(np.bincount(self.owners()[marked], minlength=len(self))), self.rows[marked])

    def owners(self) -> np.ndarray:
        """int64 (all items,): which list holds each item."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def positions(self) -> np.ndarray:
        """int64 (all items,): place of each item in its list."""
        return np.arange(len(self.rows)) - np.repeat(self.offsets[:-1], self.lengths)

    def any(self, marked: Any) -> np.ndarray:
        """bool (lists,): which lists hold an item that is `marked`, bool (all items,)."""
        return np.bincount(self.owners()[marked], minlength=len(self)) > 0


def padded(values: np.ndarray, lengths: np.ndarray, padding: int) -> np.ndarray:
    """int64 (lists, longest): lists of these lengths, end to end in `values`, as a rectangle one wide at least."""
    rectangle = np.full((len(lengths), int(lengths.max(initial=1))), padding, dtype=np.int64)
    rectangle[np.arange(rectangle.shape[1]) < lengths[:, None]] = values
    return rectangle


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """int64 (lists + 1,): where lists of these lengths begin when laid end to end, and where the last ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
