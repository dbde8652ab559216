"""Rows of requests as embedding rows, put together and cut for a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clickprompt.contracts import Field
from clickprompt.settings import ClickPromptError
from clickprompt.table import PADDING, EncodedCells

_MOST_ITEMS = 1 << 17
"""Items of one field in one run, padding included: 8 MB of embeddings 16 wide."""
_MOST_CELLS = 1 << 22
"""Items of one field in one request, padding included."""


@dataclass(frozen=True)
class EncodedIds(EncodedCells):
    """What a graph with ids takes: cells that can be cut into parts and put together."""

    @classmethod
    def of(cls, cells: EncodedCells) -> EncodedIds:
        """What the row encoder found."""
        return cls(cells.feature_ids, cells.lists, cells.unseen)

    @property
    def most_items(self) -> int:
        """Items of the longest list."""
        return max((items.shape[1] for items in self.lists.values()), default=0)

    def part(self, start: int, stop: int) -> EncodedIds:
        """Some of the rows."""
        lists = {place: _trimmed(items[start:stop]) for place, items in self.lists.items()}
        return EncodedIds(self.feature_ids[start:stop], lists, {} if start else self.unseen)

    def with_each_unseen(self, fields: Sequence[int], outside: int) -> EncodedIds:
        """The first row, then for each of the fields the same row with that field's out-of-vocabulary row, `outside` +
        its place."""
        ids = np.repeat(self.feature_ids[:1], len(fields) + 1, axis=0)
        lists = {place: np.repeat(items[:1], len(ids), axis=0) for place, items in self.lists.items()}
        for row, place in enumerate(fields, start=1):
            ids[row, place] = outside + place
            if place in lists:
                lists[place][row] = PADDING
                lists[place][row, 0] = outside + place
        return EncodedIds(ids, lists, {})


def pieces(requests: Sequence[EncodedIds]) -> Iterator[EncodedIds]:
    """Rows of the requests, one after another, in as few pieces as their lists' memory allows; a row at least each."""
    rows, widest = sum(request.rows for request in requests), max(request.most_items for request in requests)
    if rows * widest <= _MOST_ITEMS:
        yield _together(requests)
        return
    for request in requests:
        step = max(1, _MOST_ITEMS // max(1, request.most_items))
        for start in range(0, request.rows, step):
            yield request.part(start, start + step)


def _together(requests: Sequence[EncodedIds]) -> EncodedIds:
    if len(requests) == 1:
        return requests[0]
    lists = {place: _stacked([request.lists[place] for request in requests]) for place in requests[0].lists}
    return EncodedIds(np.concatenate([request.feature_ids for request in requests]), lists, {})


def check_items(field: Field, rows: int, cells: Iterable[Any]) -> None:
    """Raises ClickPromptError where a request's lists, all as long as the longest, would fill the memory."""
    longest = max((_length(cell, field) for cell in cells), default=0)
    longest = min(longest, field.max_items or longest)
    if rows * longest > _MOST_CELLS:
        raise ClickPromptError(
            f"{field.name}: a list of {longest:,} items among {rows:,} rows; at most {_MOST_CELLS // rows:,} items are "
            "taken with so many rows: send fewer items or fewer rows"
        )


def _length(cell: Any, field: Field) -> int:
    if isinstance(cell, str):
        return 1 if field.separator is None else cell.count(field.separator) + 1
    return len(cell) if isinstance(cell, Sequence) else 1


def _trimmed(items: np.ndarray) -> np.ndarray:
    """Without columns that pad every row."""
    longest = int((items != PADDING).sum(axis=1).max(initial=1))
    return np.ascontiguousarray(items[:, :longest])


def _stacked(lists: Sequence[np.ndarray]) -> np.ndarray:
    most = max(items.shape[1] for items in lists)
    stacked = np.full((sum(map(len, lists)), most), PADDING, np.int64)
    start = 0
    for items in lists:
        stacked[start : start + len(items), : items.shape[1]] = items
        start += len(items)
    return stacked
