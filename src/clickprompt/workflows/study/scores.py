"""The test rows of a cell, for tests that go row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from clickprompt.workflows.study.entries import ALL, Row


@dataclass(frozen=True)
class Scores:
    """Test rows of a cell."""

    labels: np.ndarray
    """(rows,) 0 or 1"""
    logits: np.ndarray
    """(rows,)"""
    groups: np.ndarray | None = None
    """(rows,) the user of each row; None where the data name none."""
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    """bool (rows,) by name"""

    def of(self, part: str) -> Scores | None:
        """Those of a slice; None for one that is not known."""
        if part == ALL:
            return self
        if part not in self.slices:
            return None
        rows = self.slices[part]
        return Scores(self.labels[rows], self.logits[rows], None if self.groups is None else self.groups[rows])


ReadScores = Callable[[Row], Scores]
"""The test rows of the cell that a result row (phase test) tells of."""
