"""All rows of a source, read piece by piece: what they hold goes to scratch files, distinct values stay in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clickprompt.contracts import SPLITS, Progress, SplitName, TableSchema
from clickprompt.prefetch import prefetch
from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.checking import CheckedTable, check_cells
from clickprompt.table.config import SplitConfig
from clickprompt.table.factors import Factors
from clickprompt.table.growing import growing
from clickprompt.table.lists import factorise_field
from clickprompt.table.raw import RawTable, ranges_of
from clickprompt.table.scratch import Column, Scratch
from clickprompt.table.sources.base import SourceConfig, TypesWidened
from clickprompt.table.splitting import Order, chosen_order

if TYPE_CHECKING:
    import polars as pl

_MOST_READINGS = 64
"""Times that a source may widen its types, far more than JSON has kinds of values."""


@dataclass(frozen=True)
class Rows:
    """Rows whose every cell can be used, in the order of the files; arrays over rows are mapped from scratch files."""

    schema: TableSchema
    order: Order
    """What the split goes by."""
    factors: list[Factors]
    """One a field."""
    labels: np.ndarray
    """uint8 (rows,)"""
    weights: np.ndarray | None
    """float32 (rows,); None where all are 1."""
    times: np.ndarray | None
    """int64 or float64 (rows,), where rows are ordered by them."""
    dated: bool
    """Whether times are microseconds since 1970; else they are numbers as the files have them."""
    hashes: np.ndarray | None
    """uint64 (rows, 2): equal for rows that are equal in every column of the file; None where nobody asks."""
    given: Mapping[SplitName, range] | None
    """Rows of each split, where the source gives several."""

    def __len__(self) -> int:
        return len(self.labels)


def read_rows(
    source: SourceConfig,
    split: SplitConfig,
    scratch: Scratch,
    bad: BadRows,
    progress: Progress,
    catalogue: Mapping[str, Sequence[Any]],
) -> Rows:
    """Read every piece of a source, one ahead of the one whose values are being merged.

    `catalogue`: by field, raw values that are among its distinct ones whether rows hold them or not.

    Raises ClickPromptError for anything amiss, with file and row, as far as `bad` does not leave such rows out.
    """
    types: dict[str, Any] = {}
    for _ in range(_MOST_READINGS):
        try:
            return _read(source, split, scratch, bad, types, progress, catalogue)
        except TypesWidened:
            scratch.clear()
            bad.forget()
    raise ClickPromptError("the columns of the input change their types without end; give each column one type")


def _read(
    source: SourceConfig,
    split: SplitConfig,
    scratch: Scratch,
    bad: BadRows,
    types: dict[str, Any],
    progress: Progress,
    catalogue: Mapping[str, Sequence[Any]],
) -> Rows:
    report = progress.start("Reading", None, "rows")
    bad.more_to_come = True
    growing_rows: _Growing | None = None
    with closing(prefetch(source.pieces(progress, bad, types), lambda piece: piece, ahead=1)) as pieces:
        for piece in pieces:
            if growing_rows is None:
                growing_rows = _Growing(piece, split, scratch)
            growing_rows.add(piece, bad)
            report(growing_rows.rows, "")
    bad.more_to_come = False
    if bad.rows:
        bad.in_order([file.name for file in source.inputs()])
    bad.check()
    if growing_rows is None or not growing_rows.rows:
        raise ClickPromptError(f"{source.inputs()[0].name}: no rows")
    growing_rows.add_values(catalogue)
    return growing_rows.whole()


class _Growing:
    """Rows so far."""

    def __init__(self, first: RawTable, split: SplitConfig, scratch: Scratch) -> None:
        self.rows = 0
        self._first, self._scratch = first, scratch
        self._order = chosen_order(split, first)
        self._timed = self._order == "time" or (self._order == "user" and first.timestamp is not None)
        self._factors = [growing(field, scratch.column(np.int32)) for field in first.schema.fields]
        self._labels = scratch.column(np.uint8)
        self._weights = None if first.weight is None else scratch.column(np.float32)
        self._times: Column | None = None
        self._dated: bool | None = None
        self._hashes = scratch.column(np.uint64, 2) if split.drop_duplicates else None
        self._given: dict[SplitName, int] = dict.fromkeys(SPLITS, 0)

    def add(self, piece: RawTable, bad: BadRows) -> None:
        checked = check_cells(piece, bad, by_time=self._timed, dated=self._dated)
        if not len(checked.labels):
            return  # without rows nothing tells what times are
        for of_field, factors in zip(self._factors, checked.factors, strict=True):
            of_field.add(factors)
        self._labels.append(checked.labels)
        if self._weights is not None:
            assert checked.weights is not None
            self._weights.append(checked.weights)
        if checked.times is not None:
            self._add_times(checked)
        if self._hashes is not None:
            self._hashes.append(row_hashes(checked.raw.frame))
        self.rows += len(checked.labels)
        for name, part in (checked.raw.given or {}).items():
            self._given[name] += len(part)

    def add_values(self, catalogue: Mapping[str, Sequence[Any]]) -> None:
        """Values without rows."""
        for of_field, field in zip(self._factors, self._first.schema.fields, strict=True):
            if field.name in catalogue:
                factors = factorise_field(catalogue[field.name], field)
                of_field.add(replace(factors, codes=factors.codes[:0]))

    def _add_times(self, checked: CheckedTable) -> None:
        """Whole numbers stay whole until the first time that is none."""
        times = checked.times
        assert times is not None
        self._dated = checked.dated
        if self._times is None:
            self._times = self._scratch.column(times.dtype)
        elif self._times.dtype != times.dtype and times.dtype == np.float64:
            earlier, self._times = self._times.mapped(), self._scratch.column(np.float64)
            self._times.append(earlier)
        self._times.append(times)

    def whole(self) -> Rows:
        def mapped(column: Column | None) -> np.ndarray | None:
            return None if column is None else column.mapped()

        return Rows(
            schema=self._first.schema,
            order=self._order,
            factors=[factors.whole() for factors in self._factors],
            labels=self._labels.mapped(),
            weights=mapped(self._weights),
            times=mapped(self._times),
            dated=bool(self._dated),
            hashes=mapped(self._hashes),
            given=None if self._first.given is None else ranges_of(self._given),
        )


def row_hashes(frame: pl.DataFrame) -> np.ndarray:
    """uint64 (rows, 2): 128 bits of every column's value; two rows that differ share them once in 10^20 tables."""
    import polars as pl

    columns = []
    for place, (name, dtype) in enumerate(sorted(frame.schema.items())):  # any text may be a column's name
        column = frame[name].alias(str(place))
        columns.append(column.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else column)
    frame = pl.DataFrame(columns)
    return np.stack([frame.hash_rows(seed=seed).to_numpy() for seed in (1, 2)], axis=1)
