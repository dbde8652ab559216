"""A column of lists as its distinct lists: items are made canonical once per distinct item, never per row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickprompt.contracts import MISSING, Field
from clickprompt.table.arrow import arrow_lists, arrow_texts, joined_lists, list_lengths, numbers
from clickprompt.table.factors import CellError, Factors, as_arrow, distinct, factorise, is_list, text_ranks
from clickprompt.table.members import Members, offsets_of


@dataclass(frozen=True)
class ListFactors(Factors):
    """Distinct lists, in order of first appearance; `texts` are their items joined by ", ", and may repeat.

    Missing items are left out; a list without any item holds the one item "unknown".
    """

    items: list[str]
    """Distinct canonical texts of items."""
    members: Members
    """The items of each distinct list, as places in `items`."""

    @cached_property
    def ranks(self) -> np.ndarray:
        """int32 (distinct,): place of each in the order of their items, for two lists may have one text."""
        return text_ranks(joined_lists(self.items, self.members, "\0"))


def factorise_field(column: Any, field: Field) -> Factors:
    """Distinct texts and codes of a field's column, whatever its kind. Raises CellError."""
    if field.kind == "list":
        return factorise_lists(column, field)
    return factorise(column, numeric=field.kind == "numeric")


def factorise_lists(column: Any, field: Field) -> ListFactors:
    """Distinct lists of a list field's column, cut to its `max_items`, text cells split at its `separator`.

    Raises CellError for the first cell with an item that is a list itself or has no text.
    """
    codes, lengths, flat = _cells(column, field.separator)
    try:
        _refuse_lists(flat)
        items = factorise(flat)
    except CellError as error:
        cell = int(np.searchsorted(np.cumsum(lengths), error.row, side="right"))
        raise CellError(int(np.argmax(codes == cell)), error.value, error.reason) from None
    texts, cells = _known(items, lengths)
    if field.max_items is not None:
        cells = _cut(cells, field.max_items, first=field.keep == "first")
    cells = _filled(cells, texts.index(MISSING) if MISSING in texts else len(texts))
    if MISSING not in texts and (cells.rows == len(texts)).any():
        texts = [*texts, MISSING]
    texts, cells = _held(texts, cells)
    merged, members = _distinct_lists(cells)
    return ListFactors(merged[codes], joined_lists(texts, members).to_pylist(), texts, members)


def as_list_column(column: Any, field: Field) -> pa.Array:
    """The column as Arrow lists of canonical item texts, whole."""
    factors = factorise_lists(column, field.model_copy(update={"max_items": None}))
    members = factors.members.take(factors.codes)
    return arrow_lists(factors.items, members)


def _cells(column: Any, separator: str | None) -> tuple[np.ndarray, np.ndarray, Any]:
    """Codes of rows into cells, items of each cell, and all items end to end; a cell may occur twice."""
    array = as_arrow(column)
    if array is not None and is_list(array.type):
        return np.arange(len(array)), list_lengths(array), pc.list_flatten(array)
    codes, values = distinct(column if array is None else array)
    if separator is not None and all(value is None or type(value) is str for value in values):
        with suppress(UnicodeEncodeError):  # half a surrogate pair, which Arrow cannot hold
            split = pc.split_pattern(arrow_texts([value or "" for value in values]), separator)
            return codes, list_lengths(split), pc.list_flatten(split)
    cells = [items_of(value, separator) for value in values]
    return codes, np.array([len(cell) for cell in cells], dtype=np.int64), list(chain.from_iterable(cells))


def items_of(cell: Any, separator: str | None) -> Sequence[Any]:
    """The raw items of one cell: of a list, of a text split at the separator, else the cell itself."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", errors="backslashreplace")
    if isinstance(cell, str):
        return [cell] if separator is None else cell.split(separator)
    if isinstance(cell, np.ndarray):
        return list(cell) if cell.ndim else [cell[()]]  # as NumPy's scalars, which know their width
    return cell if isinstance(cell, Sequence) else [cell]


def _refuse_lists(items: Any) -> None:
    if isinstance(items, pa.Array):
        place = pc.index(items.is_valid(), True).as_py() if is_list(items.type) else -1
    else:
        place = next((place for place, item in enumerate(items) if holds_items(item)), -1)
    if place >= 0:
        raise CellError(place, [[]], "expected a list of texts, numbers, truth values or dates")


def holds_items(item: Any) -> bool:
    """Whether an item is a list itself."""
    return isinstance(item, list | tuple) or (isinstance(item, np.ndarray) and item.ndim > 0)


def _known(items: Factors, lengths: np.ndarray) -> tuple[list[str], Members]:
    """Texts of items, and the cells without their missing items."""
    cells = Members(offsets_of(lengths), items.codes)
    if MISSING not in items.texts:
        return items.texts, cells
    return items.texts, cells.keep(cells.rows != items.texts.index(MISSING))


def _cut(cells: Members, most: int, *, first: bool) -> Members:
    place = cells.positions()
    if not first:
        place = np.repeat(cells.lengths, cells.lengths) - 1 - place
    return cells.keep(place < most)


def _filled(cells: Members, missing: int) -> Members:
    """Empty cells hold one item, `missing`."""
    offsets = offsets_of(np.maximum(cells.lengths, 1))
    rows = np.full(offsets[-1], missing, dtype=np.int32)
    rows[offsets[:-1][cells.owners()] + cells.positions()] = cells.rows
    return Members(offsets, rows)


def _held(texts: list[str], cells: Members) -> tuple[list[str], Members]:
    """Without texts that no cell holds: items that were cut off everywhere, or "unknown"."""
    held = np.bincount(cells.rows, minlength=len(texts)) > 0
    if held.all():
        return texts, cells
    places = (np.cumsum(held) - 1).astype(np.int32)
    return [texts[place] for place in np.flatnonzero(held)], Members(cells.offsets, places[cells.rows])


def _distinct_lists(cells: Members) -> tuple[np.ndarray, Members]:
    """int32 code of each cell, and the distinct lists in order of first appearance.

    A list's bytes are its key: exact, and found by Arrow without a loop.
    """
    rows = np.ascontiguousarray(cells.rows, dtype=np.int32)
    keys = pa.Array.from_buffers(
        pa.large_binary(), len(cells), [None, pa.py_buffer(cells.offsets * rows.itemsize), pa.py_buffer(rows)]
    )
    encoded = keys.dictionary_encode()
    codes = numbers(encoded.indices).astype(np.int32, copy=False)
    first = np.empty(len(encoded.dictionary), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last write stays: the first appearance
    return codes, cells.take(first)
