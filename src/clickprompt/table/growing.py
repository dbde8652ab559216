"""Distinct values of a field, merged piece by piece: the pieces' codes become the table's."""

from __future__ import annotations

from itertools import pairwise, repeat

import numpy as np

from clickprompt.contracts import Field
from clickprompt.table.arrow import joined_lists
from clickprompt.table.factors import Factors
from clickprompt.table.lists import ListFactors
from clickprompt.table.members import Members, offsets_of
from clickprompt.table.scratch import Column


class GrowingFactors:
    """Distinct texts in order of first appearance, and a column of codes on disk."""

    def __init__(self, codes: Column) -> None:
        self._codes = codes
        self._places: dict[str, int] = {}

    def add(self, factors: Factors) -> None:
        """Append the rows of a piece."""
        self._codes.append(_merged(self._places, factors.texts)[factors.codes])

    def whole(self) -> Factors:
        """All rows; nothing can be added any more."""
        texts, self._places = list(self._places), {}
        return Factors(self._codes.mapped(), texts)


class GrowingLists:
    """The same of a list field: distinct items, distinct lists of them, and a column of lists' codes."""

    def __init__(self, codes: Column) -> None:
        self._codes = codes
        self._items: dict[str, int] = {}
        self._lists: dict[bytes, int] = {}

    def add(self, factors: Factors) -> None:
        """Append the rows of a piece."""
        assert isinstance(factors, ListFactors)
        held = _merged(self._items, factors.items)[factors.members.rows].tobytes()
        ends = (factors.members.offsets * np.dtype(np.int32).itemsize).tolist()
        lists = self._lists
        merged = [lists.setdefault(held[start:stop], len(lists)) for start, stop in pairwise(ends)]
        self._codes.append(np.array(merged, dtype=np.int32)[factors.codes])

    def whole(self) -> ListFactors:
        """All rows; nothing can be added any more."""
        keys = list(self._lists)
        lengths = np.fromiter(map(len, keys), np.int64, len(keys)) // np.dtype(np.int32).itemsize
        members = Members(offsets_of(lengths), np.frombuffer(b"".join(keys), dtype=np.int32))
        items = list(self._items)
        self._items, self._lists = {}, {}
        return ListFactors(self._codes.mapped(), joined_lists(items, members).to_pylist(), items, members)


def growing(field: Field, codes: Column) -> GrowingFactors | GrowingLists:
    """What collects the values of a field."""
    return GrowingLists(codes) if field.kind == "list" else GrowingFactors(codes)


def _merged(places: dict[str, int], texts: list[str]) -> np.ndarray:
    """int32: the place of each of these distinct texts among all, new ones behind the others."""
    found = np.fromiter(map(places.get, texts, repeat(-1)), np.int32, len(texts))
    new = np.flatnonzero(found < 0)
    found[new] = np.arange(len(places), len(places) + len(new))
    places.update(zip((texts[place] for place in new.tolist()), found[new].tolist(), strict=True))
    return found
