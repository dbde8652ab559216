"""What a source hands over: rows as they were read, what the columns mean, and where each row came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from clickprompt.contracts import SplitName, TableSchema

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class InputFile:
    """A file that a source reads."""

    name: str
    """As the user wrote it."""
    path: Path
    part: SplitName | None = None
    """The split that its rows were given to."""


@dataclass(frozen=True)
class Provenance:
    """Which file each row of a frame came from."""

    files: tuple[str, ...]
    """Names as the user wrote them, in the order of the rows."""
    rows: tuple[int, ...]
    """Rows of each file."""

    def place(self, row: int) -> str:
        """`clicks.parquet, row 4,812` for a position in the frame; rows count from 1, a header is none."""
        ends = list(accumulate(self.rows))
        file = bisect_right(ends, row)
        return f"{self.files[file]}, row {row - (ends[file] - self.rows[file]) + 1:,}"


@dataclass(frozen=True)
class RawTable:
    """All rows of a source in one frame; given splits follow one another."""

    frame: pl.DataFrame
    schema: TableSchema
    provenance: Provenance
    label: str
    """Column of the label."""
    threshold: float | None = None
    """Labels of at least this are clicks; None where labels are 0 and 1 already."""
    weight: str | None = None
    """Column of sample weights."""
    timestamp: str | None = None
    """Column that orders the rows in time."""
    given: Mapping[SplitName, range] | None = None
    """Rows of each split, where the source gives several."""

    @property
    def columns(self) -> list[str]:
        """Columns that anything is made of, each once."""
        used = [*self.schema.names, self.label, self.weight, self.timestamp]
        return list(dict.fromkeys(name for name in used if name is not None))
