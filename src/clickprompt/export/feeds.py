"""Raw rows as the arrays that exported graphs take."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clickprompt.contracts import MISSING, Field, TableSchema
from clickprompt.export.ids_onnx import FEATURE_IDS, items_name
from clickprompt.table import PADDING, EncodedRows, canonical_number, canonical_text, padded


def ids_feed(encoded: EncodedRows) -> dict[str, np.ndarray]:
    """Inputs of a graph that takes embedding rows: `feature_ids` int64 (rows, fields), and for each list field
    `items_{place}` int64 (rows, items), padded with −1."""
    feed = {FEATURE_IDS: encoded.feature_ids.astype(np.int64)}
    for place in sorted(encoded.members):
        lists = encoded.members[place].take(encoded.text_codes[:, place])
        feed[items_name(place)] = padded(lists.rows, lists.lengths, PADDING)
    return feed


def raw_feed(schema: TableSchema, columns: Mapping[str, Sequence[Any]], rows: int) -> dict[str, np.ndarray]:
    """Inputs of a graph that takes raw fields, by field: texts (rows,), numbers float64 (rows,) with NaN where missing,
    lists as texts (rows, items) padded with "", or as one text cell (rows,) where the field has a separator.

    Texts are in Unicode's composed form (NFC), as the graph expects them, and halves of surrogate pairs are written out
    as the library does, for a graph takes UTF-8. Missing columns are missing values; fields
    with `score_as` take no input.
    """
    feed = {}
    for field in schema.fields:
        if field.score_as is None:
            cells = columns.get(field.name, [None] * rows)
            feed[field.name] = _column(field, list(cells))
    return feed


def _column(field: Field, cells: list[Any]) -> np.ndarray:
    if field.kind == "numeric":
        return np.array([_number(cell) for cell in cells], dtype=np.float64)
    if field.kind != "list":
        return np.array([_text(cell) for cell in cells], dtype=object)
    lists = [_items(cell) for cell in cells]
    if field.separator is not None:
        return np.array([field.separator.join(items) for items in lists], dtype=object)
    rectangle = np.full((len(lists), max(map(len, lists), default=1) or 1), "", dtype=object)
    for row, items in enumerate(lists):
        rectangle[row, : len(items)] = items
    return rectangle


def _items(cell: Any) -> list[str]:
    """Of one cell; a text stays whole, for it is one item, or holds its separators already."""
    if isinstance(cell, np.ndarray | Sequence) and not isinstance(cell, str | bytes):
        return [_text(item) for item in cell]
    return [_text(cell)]


def _text(cell: Any) -> str:
    if isinstance(cell, str):  # not stripped, for the graph does that
        return cell if cell.isascii() else unicodedata.normalize("NFC", cell.encode(errors="backslashreplace").decode())
    text = canonical_text(cell)
    return "" if text == MISSING else text


def _number(cell: Any) -> float:
    text = canonical_number(cell)
    return float("nan") if text == MISSING else float(text)
