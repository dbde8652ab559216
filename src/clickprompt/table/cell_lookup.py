"""One cell to its embedding rows, without a column around it: what a server does for the few rows of a request."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from math import isfinite, isnan
from typing import Any

from clickprompt.contracts import MISSING
from clickprompt.table.canonical import canonical_number, canonical_text
from clickprompt.table.factors import number_of
from clickprompt.table.hashing import hash_of
from clickprompt.table.lists import holds_items, items_of
from clickprompt.table.vocabulary import Vocabulary

_REMEMBERED_TEXT = 64
"""Characters of the longest text that is remembered: what a client sends must not fill the memory."""


def row_lookup(vocabulary: Vocabulary, place: int, remembered: int) -> Callable[[Any], int]:
    """Embedding row of a cell of the field at `place`, which is no list field; the field's OOV row for unseen values.

    Lately used values, `remembered` at most, are not looked up again. Raises ValueError, with what was expected, for a
    cell without a text, or in a numeric field without a number.
    """
    field = vocabulary.schema.fields[place]
    if field.kind == "numeric":
        return _remembering(_bucket_lookup(vocabulary, place), remembered)
    find = _text_lookup(vocabulary, place)
    return _remembering(lambda cell: find(canonical_text(cell)), remembered)


def list_lookup(vocabulary: Vocabulary, place: int, remembered: int) -> Callable[[Any], list[int]]:
    """As `row_lookup`, for the list field at `place`: embedding rows of a cell's items, cut to `max_items`; of the item
    "unknown" where there is none."""
    field = vocabulary.schema.fields[place]
    find = _text_lookup(vocabulary, place)
    kept = slice(None) if field.max_items is None else slice(field.max_items)
    if field.keep == "last":
        kept = slice(-(field.max_items or 0), None)
    nothing = [find(MISSING)]

    def row_of(item: Any) -> int | None:
        if holds_items(item):
            raise ValueError("expected a list of texts, numbers, truth values or dates")
        text = canonical_text(item)
        return None if text == MISSING else find(text)

    look = _remembering(row_of, remembered)

    def rows_of(cell: Any) -> list[int]:
        rows = [row for item in items_of(cell, field.separator) if (row := look(item)) is not None]
        return rows[kept] or nothing

    return rows_of


def _text_lookup(vocabulary: Vocabulary, place: int) -> Callable[[str], int]:
    field, offsets = vocabulary.schema.fields[place], vocabulary.statistics.offsets
    first, outside, hash_rows = int(offsets[place]), int(offsets[-1]) + place, field.hash_rows
    if hash_rows is not None:
        return lambda text: first + hash_of(text, hash_rows)
    find = vocabulary.index.find

    def lookup(text: str) -> int:
        row = find(place, text)
        return outside if row is None else row

    return lookup


def _bucket_lookup(vocabulary: Vocabulary, place: int) -> Callable[[Any], int]:
    buckets = vocabulary.buckets[vocabulary.schema.fields[place].name]
    edges, rows = buckets.edges.tolist(), buckets.rows.tolist()

    def lookup(cell: Any) -> int:
        # A float's canonical text reads back as the same float, so it need not be made.
        number = cell if type(cell) is float and isfinite(cell) else number_of(canonical_number(cell))
        return rows[-1 if isnan(number) else bisect_left(edges, number)]

    return lookup


def _remembering(lookup: Callable[[Any], Any], most: int) -> Callable[[Any], Any]:
    """`lookup`, which takes a microsecond or two, with a memory of short values; safe to use from several threads."""
    known = lru_cache(most)(lookup)

    def look(cell: Any) -> Any:
        kind = type(cell)
        short = len(cell) <= _REMEMBERED_TEXT if kind is str else kind is int and cell.bit_length() < 64
        return known(cell) if short or cell is None else lookup(cell)

    return look
