"""Items of a list field: how many rows hold each, and how many of those were clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clickprompt.table import Members, PreparedTable
from clickprompt.workflows.describe.value_counts import Counts, ValueCounts

Ints = NDArray[np.int64]


def items_of(table: PreparedTable, place: int, counts: ValueCounts, most_frequent: int) -> tuple[Ints, Counts, Counts]:
    """The most frequent items, as value indices; rows and clicks of each item of the field that owns a row.

    Both counts are (items,) and of training rows; clicks are those of the frequent items alone, others' are 0.
    """
    assert table.members is not None
    start, stop = map(int, table.statistics.offsets[place : place + 2])
    rows = table.statistics.counts[start:stop].astype(np.int64)
    frequent = start + np.argsort(-rows, kind="stable")[:most_frequent]
    frequent = frequent[rows[frequent - start] > 0]
    clicks = np.zeros_like(rows)
    for item in frequent.tolist():
        clicks[item - start] = counts.clicks[lists_with(table.members, item)].sum()
    return frequent, rows, clicks


def lists_with(members: Members, row: int) -> Ints:
    """Value indices of the lists that hold this embedding row, ascending, each once."""
    places = np.flatnonzero(members.rows == row)
    return np.unique(np.searchsorted(members.offsets, places, side="right") - 1)
