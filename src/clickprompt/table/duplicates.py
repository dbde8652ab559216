"""Rows that an earlier row equals in every column of the file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clickprompt.contracts import SplitName
from clickprompt.table.scratch import AT_ONCE

_MOST = 1 << 23
"""Rows that are compared in one go."""


def repeated(hashes: np.ndarray, given: Mapping[SplitName, range] | None = None, most: int = _MOST) -> np.ndarray:
    """bool (rows,): rows whose hash, uint64 (rows, 2), an earlier row has, within its own split where they are given.

    More than `most` rows are compared in parts, by the remainders of their hashes.
    """
    marked = np.zeros(len(hashes), dtype=bool)
    for part in [range(len(hashes))] if given is None else given.values():
        parts = -(-len(part) // most)
        for number in range(parts):
            marked[_repeated(hashes, _of_part(hashes, part, number, parts))] = True
    return marked


def _of_part(hashes: np.ndarray, of: range, number: int, parts: int) -> np.ndarray:
    """Rows of a range whose hash falls to this part."""
    if parts == 1:
        return np.arange(of.start, of.stop)
    found = []
    for start in range(of.start, of.stop, AT_ONCE):
        some = hashes[start : min(start + AT_ONCE, of.stop), 0]
        found.append(start + np.flatnonzero(some % np.uint64(parts) == number))
    return np.concatenate(found)


def _repeated(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of the rows, ascending, whose hash an earlier one has."""
    first = hashes[rows, 0]
    order = np.argsort(first, kind="stable")
    alike = np.flatnonzero(np.diff(first[order]) == 0)
    candidates = rows[np.sort(order[np.unique(np.concatenate([alike, alike + 1]))])]
    one, other = hashes[candidates].T
    order = np.lexsort([other, one])  # rows of one hash stay in their order
    again = (np.diff(one[order]) == 0) & (np.diff(other[order]) == 0)
    return candidates[order[1:][again]]
