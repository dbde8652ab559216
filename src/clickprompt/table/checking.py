"""The cells of a table as checked arrays; rows with cells that cannot be used are left out where that is wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from clickprompt.table import columns
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.factors import Factors
from clickprompt.table.raw import RawTable

_QUOTED = 10
"""Rows that are written out where there are too many of them to go on."""


@dataclass(frozen=True)
class CheckedTable:
    """A table whose every row can be used."""

    raw: RawTable
    labels: np.ndarray
    """uint8 (rows,)"""
    weights: np.ndarray | None
    """float32 (rows,)"""
    times: np.ndarray | None
    """int64 or float64 (rows,), where they were asked for."""
    dated: bool
    """Whether times are microseconds since 1970."""
    factors: list[Factors]
    """One a field."""


def check_cells(table: RawTable, bad: BadRows, *, by_time: bool, dated: bool | None = None) -> CheckedTable:
    """Labels, weights and fields, and times where rows go `by_time`; `dated`: what times of earlier rows are.

    Raises ClickPromptError for the first cell that cannot be used; where bad rows are left out, for too many of them,
    and for columns of which no cell could be used.
    """
    while True:
        try:
            labels, weights = columns.labels(table), columns.weights(table)
            times, are_dates = columns.timestamps(table, dated) if by_time else (None, False)
            return CheckedTable(table, labels, weights, times, are_dates, columns.field_factors(table))
        except columns.BadCells as found:
            if not bad.skips:
                raise
            table = _without(table, found, bad)


def _without(table: RawTable, found: columns.BadCells, bad: BadRows) -> RawTable:
    count = len(found.rows)
    rows = found.rows[:_QUOTED] if bad.too_many(count) else found.rows
    contents = [""] * len(rows)
    if bad.keeps:
        cells = table.frame[rows].to_dicts()
        contents = [json.dumps(row, ensure_ascii=False, default=str) for row in cells]
    places = map(table.provenance.number, rows.tolist())
    bad.add(
        [
            BadRow(file, number, None, found.column, reason, content)
            for (file, number), reason, content in zip(places, found.reasons, contents, strict=False)
        ],
        found=count,
    )
    kept = np.ones(table.frame.height, dtype=bool)
    kept[found.rows] = False
    return table.filter(kept)
