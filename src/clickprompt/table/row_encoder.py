"""The few rows of a request as a model reads them: what `Vocabulary.encode` gives, without Arrow and sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.table.cell_lookup import list_lookup, row_lookup
from clickprompt.table.members import PADDING
from clickprompt.table.score_as import score_text
from clickprompt.table.vocabulary import Vocabulary

_REMEMBERED = 65_536
"""Values of all fields together whose embedding row is remembered."""


@dataclass(frozen=True)
class EncodedCells:
    """Rows as the graph of an exported ID model reads them."""

    feature_ids: np.ndarray
    """int64 (rows, fields): embedding rows; in a list field the OOV row."""
    lists: dict[int, np.ndarray]
    """By list field's place, int64 (rows, most items): embedding rows of the items, −1 behind the last."""
    unseen: dict[str, int]
    """Rows whose value, or an item of it, is outside the vocabulary, by field; fields without any are left out."""

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.feature_ids)


class RowEncoder:
    """Looks up rows cell by cell, as fast as Python goes: a microsecond a cell. Safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        fields = vocabulary.schema.fields
        owned, most = int(vocabulary.statistics.offsets[-1]), max(1, _REMEMBERED // len(fields))
        self._fields = [
            (field.name, field.kind == "list", owned + place, _lookup(vocabulary, place, most))
            for place, field in enumerate(fields)
        ]
        self._names = {field.name for field in fields if field.score_as is None}
        self._fixed = {field.name: score_text(field) for field in fields if field.score_as is not None}

    def encode_rows(self, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> EncodedCells:
        """Look up rows, each a dict of field to value; a field that a row lacks is taken from `shared`, else missing.

        Names that are no field are ignored, and so are fields with `score_as`.
        Raises ClickPromptError for a value that cannot be used: row, field, and what was expected.
        """
        if len(rows) == 1:  # the usual request need not be turned into columns
            return self._encode({}, {**shared, **rows[0]}, 1)
        own = self._names.intersection(chain.from_iterable(rows))
        return self._encode(
            {name: [row.get(name, shared.get(name)) for row in rows] for name in own}, shared, len(rows)
        )

    def encode_columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> EncodedCells:
        """As `encode_rows`, of columns of `rows` values each; fields without a column are missing."""
        own = {name: column for name, column in columns.items() if name in self._names}
        for name, column in own.items():
            if len(column) != rows:
                raise ClickPromptError(f"column {name!r} has {len(column):,} rows; expected {rows:,}")
        return self._encode(own, {}, rows)

    def _encode(self, columns: Mapping[str, Sequence[Any]], once: Mapping[str, Any], rows: int) -> EncodedCells:
        """`columns` hold a value a row, `once` those that all rows share where there is no column."""
        try:
            return self._looked_up(columns, {**once, **self._fixed} if rows else {}, rows)
        except ValueError:
            self.vocabulary.encode({**{name: [value] * rows for name, value in once.items()}, **columns})
            raise  # not reached: the vocabulary refuses the same cells, and names the row

    def _looked_up(self, columns: Mapping[str, Sequence[Any]], once: Mapping[str, Any], rows: int) -> EncodedCells:
        ids: list[list[int]] = []
        lists: dict[int, np.ndarray] = {}
        unseen: dict[str, int] = {}
        for place, (name, is_list, outside, look) in enumerate(self._fields):
            cells = columns.get(name)
            found = [look(once.get(name))] * rows if cells is None else [look(cell) for cell in cells]
            if is_list:
                lists[place] = _padded(found)
                strange = sum(outside in items for items in found)
                found = [outside] * rows
            else:
                strange = found.count(outside)
            if strange and (cells is not None or name in once):
                unseen[name] = strange
            ids.append(found)
        return EncodedCells(np.ascontiguousarray(np.array(ids, np.int64).T), lists, unseen)


def _lookup(vocabulary: Vocabulary, place: int, most: int) -> Callable[[Any], Any]:
    is_list = vocabulary.schema.fields[place].kind == "list"
    return (list_lookup if is_list else row_lookup)(vocabulary, place, most)


def _padded(lists: Sequence[list[int]]) -> np.ndarray:
    """int64 (lists, items of the longest, at least 1): −1 behind the last item of shorter ones."""
    most = max(map(len, lists), default=1)
    return np.array([items + [PADDING] * (most - len(items)) for items in lists], np.int64).reshape(len(lists), most)
