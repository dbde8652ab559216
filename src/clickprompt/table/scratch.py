"""Columns of numbers that grow on disk while a table is read, then are mapped into memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clickprompt.leftovers import remove_leftovers, temporary_folder
from clickprompt.storage import clear_disk_errors

AT_ONCE = 1 << 20
"""Rows that are in memory at the same time where a column is gone through."""


class Column:
    """Numbers appended piece by piece. `width`: numbers a row, one where it is 0."""

    def __init__(self, path: Path, dtype: npt.DTypeLike, width: int = 0) -> None:
        self.path, self.dtype, self.width = path, np.dtype(dtype), width
        self._file = path.open("wb")

    def append(self, values: np.ndarray) -> None:
        """Write rows behind those that are there."""
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).data)

    def mapped(self) -> np.ndarray:
        """All rows, (rows,) or (rows, width), mapped into memory; nothing can be appended any more."""
        self._file.close()
        shape = (-1, self.width) if self.width else (-1,)
        if not self.path.stat().st_size:
            return np.empty((0, self.width) if self.width else 0, self.dtype)
        return np.asarray(np.memmap(self.path, self.dtype, mode="r+")).reshape(shape)

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._file.close()


class Scratch:
    """A folder of columns that is gone when preparing ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._columns: list[Column] = []

    def column(self, dtype: npt.DTypeLike, width: int = 0) -> Column:
        """A new column."""
        column = Column(self.folder / f"{len(self._columns)}.numbers", dtype, width)
        self._columns.append(column)
        return column

    def numbers(self, pieces: Any, dtype: npt.DTypeLike = np.int64) -> np.ndarray:
        """Pieces of a column end to end, mapped into memory."""
        column = self.column(dtype)
        for piece in pieces:
            column.append(piece)
        return column.mapped()

    def clear(self) -> None:
        """Forget every column."""
        for column in self._columns:
            column.close()
            column.path.unlink(missing_ok=True)
        self._columns = []


@contextmanager
def scratch_beside(path: Path) -> Iterator[Scratch]:
    """A scratch folder on the disk that `path` will lie on."""
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, path.name)
        with temporary_folder(path) as folder:
            scratch = Scratch(folder)
            try:
                yield scratch
            finally:
                scratch.clear()


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows, a bounded number at a time."""
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
