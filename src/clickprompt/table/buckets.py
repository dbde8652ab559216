"""Numeric fields on the ID side: quantile buckets, fitted on training rows, and the embedding row of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clickprompt.contracts import MISSING
from clickprompt.table.canonical import canonical_text


@dataclass(frozen=True)
class Buckets:
    """Bucket b of k edges holds e_b < x ≤ e_{b+1}, with e_0 = −∞ and e_{k+1} = ∞; bucket k + 1 holds missing values."""

    edges: np.ndarray
    """float64 (k,), ascending."""
    rows: np.ndarray
    """int32 (k + 2,): embedding row of each bucket; the field's out-of-vocabulary row where it earned none."""

    @staticmethod
    def over(edges: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """int64: bucket of each number."""
        return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="left"))

    @staticmethod
    def texts(edges: np.ndarray) -> list[str]:
        """A name for each bucket: `(1.5, 3]`."""
        marks = ["-∞", *map(canonical_text, edges), "∞"]
        brackets = [*"]" * len(edges), ")"]
        return [*(f"({low}, {high}{b}" for low, high, b in zip(marks, marks[1:], brackets, strict=False)), MISSING]

    def rows_of(self, numbers: np.ndarray) -> np.ndarray:
        """int32: embedding row of each number; NaN is missing."""
        return self.rows[self.over(self.edges, numbers)]


def fit_edges(numbers: np.ndarray, counts: np.ndarray, buckets: int) -> np.ndarray:
    """float64: distinct values at the quantiles i/buckets, 0 < i < buckets, each number counted `counts` times.

    The quantile q is the least number with at least q of the mass at or below it: edges are numbers that occur, so no
    bucket is empty in training. The largest number is no edge, for nothing lies above. Numbers no more than buckets get
    a bucket each.
    """
    order = np.argsort(numbers)
    order = order[(counts[order] > 0) & ~np.isnan(numbers[order])]
    distinct, mass = numbers[order], np.cumsum(counts[order])
    if len(distinct) <= buckets:
        return distinct[:-1]
    places = np.searchsorted(mass * buckets, np.arange(1, buckets) * mass[-1])
    return np.unique(distinct[places[places < len(distinct) - 1]])
