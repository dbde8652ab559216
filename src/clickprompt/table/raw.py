"""What a source hands over: rows as they were read, what the columns mean, and where each row came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clickprompt.contracts import SPLITS, SplitName, TableSchema
from clickprompt.storage import clear_disk_errors, sha256_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class InputFile:
    """A file that a source reads."""

    name: str
    """As the user wrote it."""
    path: Path
    """Where it lies; of a remote file the last part alone."""
    part: SplitName | None = None
    """The split that its rows were given to."""
    url: str | None = None
    """Address of a remote file."""

    def fingerprint(self) -> str:
        """Changes when the content does: SHA-256, of a remote file what its file system tells, without fetching it."""
        from clickprompt.table.remote import remote_fingerprint

        if self.url is not None:
            return remote_fingerprint(self.url)
        with clear_disk_errors(self.path):
            return sha256_of(self.path)


@dataclass(frozen=True)
class Provenance:
    """Which file each row of a frame came from."""

    files: tuple[str, ...]
    """Names as the user wrote them, in the order of the rows."""
    rows: tuple[int, ...]
    """Rows of each file."""
    numbers: np.ndarray | None = None
    """int64 (rows,): number of each row in its file; None where no row of any file was left out."""

    def place(self, row: int) -> str:
        """`clicks.parquet, row 4,812` for a position in the frame; rows count from 1, a header is none."""
        file, number = self.number(row)
        return f"{file}, row {number:,}"

    def number(self, row: int) -> tuple[str, int]:
        """File and number in it of a position in the frame."""
        ends = list(accumulate(self.rows))
        file = bisect_right(ends, row)
        number = row - (ends[file] - self.rows[file]) + 1 if self.numbers is None else int(self.numbers[row])
        return self.files[file], number

    def filter(self, kept: np.ndarray) -> Provenance:
        """Where the rows came from that are `kept`, bool (rows,)."""
        numbers = self.numbers
        if numbers is None:
            numbers = np.concatenate([np.arange(1, rows + 1) for rows in self.rows])
        return Provenance(self.files, _counted(kept, self.rows), numbers[kept])


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

    def filter(self, kept: np.ndarray) -> RawTable:
        """The same table with the rows alone that are `kept`, bool (rows,)."""
        import polars as pl

        given = self.given
        if given is not None:
            before = np.concatenate([[0], np.cumsum(kept)])
            given = {name: range(int(before[part.start]), int(before[part.stop])) for name, part in given.items()}
        frame = self.frame.filter(pl.Series(kept))
        return replace(self, frame=frame, provenance=self.provenance.filter(kept), given=given)


def ranges_of(sizes: Mapping[SplitName, int]) -> dict[SplitName, range]:
    """Rows of each split where splits of these sizes follow one another, train first."""
    ends = accumulate(sizes[name] for name in SPLITS)
    return {name: range(end - sizes[name], end) for name, end in zip(SPLITS, ends, strict=True)}


def _counted(kept: np.ndarray, rows: tuple[int, ...]) -> tuple[int, ...]:
    """How many are kept of each of so many rows end to end."""
    ends = np.cumsum([0, *rows])
    return tuple(int(kept[start:stop].sum()) for start, stop in pairwise(ends.tolist()))
