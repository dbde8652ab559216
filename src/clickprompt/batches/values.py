"""Vectors of values' words, one a value, gathered for batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS_WITH_VALUES = 1_024
"""Rows that are scored at once where each brings its values' vectors: some tens of megabytes."""


@dataclass(frozen=True)
class ValueVectors:
    """The vector of each value's words. `permutation` lends every value another value's words, as in `Sentences`."""

    vectors: np.ndarray
    """float32 (values, d); rows of values that no row holds are never read."""
    permutation: np.ndarray | None = None
    """int64 (values,)"""

    def of(self, value_ids: np.ndarray) -> np.ndarray:
        """Value indices (rows, fields) → float32 (rows, fields, d)."""
        spoken = value_ids if self.permutation is None else self.permutation[value_ids]
        return np.take(self.vectors, spoken, axis=0)
