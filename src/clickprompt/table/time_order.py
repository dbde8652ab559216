"""Rows in the order of time, a bounded number of them in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from clickprompt.table.factors import Factors
from clickprompt.table.scratch import blocks

Tie = Callable[[np.ndarray], np.ndarray]
"""What orders some rows of equal time, (rows,)."""

_MOST = 1 << 23
"""Rows that are sorted in one go."""
_LOOKED_AT = 1 << 16
"""Times from which the periods to sort one by one are guessed."""


def tie_keys(factors: Sequence[Factors], labels: np.ndarray, weights: np.ndarray | None) -> list[Tie]:
    """What orders rows of equal time: fields by text, then label, then weight; nothing of the files' own order."""
    keys: list[Tie] = [lambda rows, of=factor: of.ranks[of.codes[rows]] for factor in factors]  # type: ignore[misc]
    keys.append(lambda rows: labels[rows])
    return keys if weights is None else [*keys, lambda rows: weights[rows]]


def in_time_order(times: np.ndarray, rows: np.ndarray, ties: Sequence[Tie], most: int = _MOST) -> Iterator[np.ndarray]:
    """The rows, int64, the earliest first, piece by piece. Equal times go by `ties`, the first of them counts most.

    More than `most` rows are sorted period by period; the order is the same.
    """
    if len(rows) <= most:
        yield _sorted(times, rows, ties)
        return
    looked_at = np.sort(times[rows[:: max(1, len(rows) // _LOOKED_AT)]])
    periods = -(-2 * len(rows) // most)
    edges = np.unique(looked_at[np.arange(1, periods) * len(looked_at) // periods])
    for period in range(len(edges) + 1):
        low = edges[period - 1] if period else None
        high = edges[period] if period < len(edges) else None
        within = np.concatenate([some[_within(times[some], low, high)] for some in blocks(rows)])
        if len(within):
            yield _sorted(times, within, ties)


def _within(times: np.ndarray, low: np.generic | None, high: np.generic | None) -> np.ndarray:
    """low ≤ time < high"""
    inside = np.ones(len(times), dtype=bool)
    if low is not None:
        inside &= times >= low
    if high is not None:
        inside &= times < high
    return inside


def _sorted(times: np.ndarray, rows: np.ndarray, ties: Sequence[Tie]) -> np.ndarray:
    """One tie after the other orders the rows that all before it have left equal, so one key is in memory at once."""
    held = times[rows]
    order = np.argsort(held, kind="stable")
    rows = rows[order]
    places, group = _equal(np.arange(len(rows)), held[order])
    for tie in ties:
        keys = tie(rows[places])
        order = np.lexsort([keys, group])
        rows[places] = rows[places[order]]
        places, group = _equal(places, group, keys[order])
    return rows


def _equal(places: np.ndarray, *keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the places, ascending, whose neighbour has the same keys, and a number for all that have the same."""
    new = np.ones(len(places) + 1, dtype=bool)
    if len(places):
        new[1:-1] = np.any([np.diff(key) != 0 for key in keys], axis=0)
    equal = ~(new[:-1] & new[1:])
    return places[equal], np.cumsum(new[:-1])[equal]
