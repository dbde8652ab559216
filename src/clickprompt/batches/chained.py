"""Arrays one after another, read as one without a copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike


class Chained:
    """Several arrays of equal width and type, joined along their rows; any rows can be gathered.

    Raises ValueError without arrays.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        if not parts:
            raise ValueError("there are no arrays to chain")
        self.parts = tuple(parts)
        self.starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, index: np.ndarray | tuple[np.ndarray, int]) -> np.ndarray:
        """Rows by number, int64 (n,), or one column of them: (n, …) in the order asked for."""
        rows, column = index if isinstance(index, tuple) else (index, ...)
        of_part = np.searchsorted(self.starts, rows, side="right") - 1
        first = self.parts[0]
        gathered = np.empty((len(rows), *first[:0, column].shape[1:]), dtype=first.dtype)
        for number, (part, start) in enumerate(zip(self.parts, self.starts, strict=False)):
            here = np.flatnonzero(of_part == number)
            if len(here):
                gathered[here] = part[rows[here] - start, column]
        return gathered

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """All rows, copied."""
        return np.concatenate(self.parts).astype(dtype or self.parts[0].dtype, copy=False)


Rows = np.ndarray | Chained
"""What rows are gathered from."""


def chained(parts: Sequence[np.ndarray]) -> Rows:
    """One array as it is, several as one."""
    return parts[0] if len(parts) == 1 else Chained(parts)
