"""Counts of codes over rows, a bounded number of rows in memory at once."""

from __future__ import annotations

import numpy as np

from clickprompt.table.scratch import AT_ONCE


def counted(codes: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """int64 (size,): how many of the rows hold each code."""
    counts = np.zeros(size, dtype=np.int64)
    for some in _blocks(rows, size):
        counts += np.bincount(codes[some], minlength=size)
    return counts


def class_counts(codes: np.ndarray, labels: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """int64 (size, 2, 2): rows at even and at odd places that hold each code, without and with a click."""
    counts = np.zeros(4 * size, dtype=np.int64)
    for some in _blocks(rows, size):
        keys = codes[some].astype(np.int64) * 4 + labels[some]
        keys[1::2] += 2
        counts += np.bincount(keys, minlength=4 * size)
    return counts.reshape(size, 2, 2)


def _blocks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows in blocks of an even number, of more rows where there are more codes to count."""
    at_once = max(AT_ONCE, 2 * size)
    return [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
