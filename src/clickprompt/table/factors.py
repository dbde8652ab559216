"""A column as its distinct texts and one small number a row: text is made once per distinct value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import is_
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickprompt.contracts import MISSING
from clickprompt.table.arrow import joined_lists, list_lengths, numbers
from clickprompt.table.canonical import canonical_number, canonical_text
from clickprompt.table.members import Members, offsets_of

_EXPECTED = "expected a text, a number, a truth value, a date or a list of those"
_PLAIN = frozenset({str, int, float, bool, type(None)})


class CellError(ValueError):
    """A cell whose value cannot be used; the caller knows the column and the file.

    `others`: all such cells of the column; None where it is the column that cannot be used.
    """

    def __init__(self, row: int, value: Any, reason: str, others: BadCodes | None = None) -> None:
        super().__init__(reason)
        self.row, self.value, self.reason = row, value, reason
        self.others = others

    def __str__(self) -> str:
        return f"is {_shown(self.value)}; {self.reason}"


@dataclass(frozen=True)
class BadCodes:
    """All cells of a column whose value cannot be used, the first of them too."""

    rows: np.ndarray
    """int64 (bad rows,), ascending."""
    codes: np.ndarray
    """(bad rows,): which of `shown` each row holds."""
    shown: dict[int, str]
    """`is "maybe"; expected 0 or 1` by code."""

    def told(self) -> list[str]:
        """What is wrong with each row."""
        return [self.shown[code] for code in self.codes.tolist()]


@dataclass(frozen=True)
class Factors:
    """`texts[codes[row]]` is the canonical text of a row; texts are distinct, in order of first appearance."""

    codes: np.ndarray
    """int32 (rows,)"""
    texts: list[str]

    @cached_property
    def ranks(self) -> np.ndarray:
        """int32 (distinct,): place of each in the order of their texts."""
        return text_ranks(self.texts)

    def numbers(self) -> np.ndarray:
        """float64 (distinct,): the texts as numbers, NaN where missing; the same whatever width a file had."""
        return numbers_of(self.texts)


def text_ranks(texts: Sequence[str] | pa.Array) -> np.ndarray:
    """int32: place of each text in the order of their code points."""
    ranks = np.empty(len(texts), dtype=np.int32)
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    ranks[numbers(pc.sort_indices(array))] = np.arange(len(texts), dtype=np.int32)
    return ranks


def numbers_of(texts: Sequence[str]) -> np.ndarray:
    """float64: canonical texts as numbers, NaN where missing."""
    return np.array([number_of(text) for text in texts], dtype=np.float64)


def number_of(text: str) -> float:
    """A canonical text as a number, NaN where missing."""
    return math.nan if text == MISSING else float(text)


def factorise(column: Any, *, numeric: bool = False) -> Factors:
    """Distinct canonical texts of a column: a polars, pandas or Arrow column, an array or a sequence.

    Raises CellError for the first cell that has no text, or with `numeric` is no number.
    """
    codes, values = distinct(column)
    texts = map_distinct(codes, values, canonical_number if numeric else canonical_text)
    if all(map(is_, texts, values)):  # texts in their canonical form, so distinct too
        return Factors(codes, texts)
    places: dict[str, int] = {}
    merged = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int32)
    return Factors(merged[codes], list(places))


def map_distinct(codes: np.ndarray, values: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """`function` of each distinct value; its ValueError becomes the CellError of the first row that holds the value."""
    try:
        return list(map(function, values))
    except ValueError:
        pass
    reasons: dict[int, str] = {}
    for code, value in enumerate(values):
        try:
            function(value)
        except ValueError as error:
            reasons[code] = str(error)
    rows = np.flatnonzero(np.isin(codes, list(reasons)))
    told = {code: str(CellError(0, values[code], reason)) for code, reason in reasons.items()}
    first = int(codes[rows[0]])
    raise CellError(int(rows[0]), values[first], reasons[first], BadCodes(rows, codes[rows], told))


def distinct(column: Any) -> tuple[np.ndarray, list[Any]]:
    """int32 codes (rows,) and the distinct raw values they stand for."""
    array = as_arrow(column)
    if array is not None:
        return _distinct_of_arrow(array)
    if isinstance(column, np.ndarray) and column.dtype != object and column.ndim == 1:
        values, codes = np.unique(column, return_inverse=True)
        return codes.astype(np.int32), list(values)
    cells = _cells(column)
    places: dict[tuple[type, Any], int] = {}
    codes = np.array([places.setdefault(_key(cell), len(places)) for cell in cells], dtype=np.int32)
    return codes, [cells[row] for row in np.unique(codes, return_index=True)[1]]


def _cells(column: Any) -> list[Any]:
    """The cells of a column that is no Arrow array; the several kinds of missing values of pandas objects are None."""
    if _is_pandas(column) and column.dtype == object:
        column = column.where(column.notna(), None)
    return list(column)


def _key(cell: Any) -> tuple[type, Any]:
    """Equal for cells of one text; 1, 1.0 and True are not, nor are arrays of two widths."""
    if type(cell) in _PLAIN:
        return type(cell), cell
    return type(cell), f"{cell.dtype} {cell.tolist()}" if isinstance(cell, np.ndarray) else repr(cell)


def _distinct_of_arrow(array: pa.Array) -> tuple[np.ndarray, list[Any]]:
    if is_list(array.type):
        array = _joined_lists(array)
    if pa.types.is_nested(array.type):
        row = int(pc.index(array.is_valid(), True).as_py())
        if row < 0:
            return np.zeros(len(array), dtype=np.int32), [None]
        raise CellError(row, _shape_of(array.type), _EXPECTED)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode(null_encoding="encode")
    indices, dictionary = encoded.indices, encoded.dictionary
    missing = [None] if indices.null_count else []
    codes = _codes(indices.fill_null(len(dictionary)) if missing else indices)
    try:
        return codes, [*_values(dictionary), *missing]
    except CellError as error:
        raise CellError(int(np.argmax(codes == error.row)), error.value, error.reason) from None


def _shape_of(kind: pa.DataType) -> Any:
    """What stands for a nested cell in an error."""
    if not is_list(kind):
        return {}
    return [[]] if is_list(kind.value_type) else [{}]


def _codes(indices: pa.Array) -> np.ndarray:
    return numbers(indices).astype(np.int32, copy=False)


def as_arrow(column: Any) -> pa.Array | None:
    """A column as one Arrow array; None where it is no column of an Arrow-like kind."""
    if type(column).__module__.startswith("polars."):
        array = _of_polars(column)
    elif isinstance(column, pa.Array | pa.ChunkedArray):
        array = column
    elif _is_pandas(column) and column.dtype != object:
        try:
            array = pa.array(column, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            return None  # kinds that Arrow does not have
        if isinstance(array.type, pa.BaseExtensionType):
            return None  # periods and intervals, which would pass for numbers
    else:
        return None  # Arrow would mix what a sequence holds, float32 with float64, and look for pandas
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # older Arrow keeps one chunk here
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    # Python has no nanoseconds; Arrow makes pandas' own values of them where that is installed, of other texts
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        return array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if pa.types.is_duration(array.type) and array.type.unit == "ns":
        return array.cast(pa.duration("us"), safe=False)
    return array


def _of_polars(column: Any) -> Any:
    import polars as pl

    wide = (pl.Int128, pl.UInt128)  # what polars makes of long numbers in JSON, and Arrow does not have
    if column.dtype in wide or (column.dtype == pl.List and column.dtype.inner in wide):
        column = column.cast(pl.List(pl.String) if column.dtype == pl.List else pl.String)
    try:
        return column.alias("").to_arrow(compat_level=pl.CompatLevel.oldest())  # a zero character in a name stops it
    except (pa.ArrowInvalid, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        row = int(column.is_not_null().arg_max() or 0)
        raise CellError(row, {}, _EXPECTED) from None


def _is_pandas(column: Any) -> bool:
    """Whether a column is of pandas, whichever of its modules its release names."""
    return type(column).__module__.split(".")[0] == "pandas"


def _values(dictionary: pa.Array) -> list[Any]:
    if pa.types.is_float32(dictionary.type) or pa.types.is_float16(dictionary.type):
        return list(dictionary.to_numpy(zero_copy_only=False))
    try:
        return dictionary.to_pylist()
    except (OverflowError, ValueError):
        raise _beyond_python(dictionary) from None


def _beyond_python(dictionary: pa.Array) -> CellError:
    """The first date, time or span that Python has none of; `row` is its place among the distinct values."""
    for place, value in enumerate(dictionary):
        try:
            value.as_py()
        except (OverflowError, ValueError):
            shown = value.cast(pa.int64()) if pa.types.is_duration(value.type) else _zoneless(value).cast(pa.string())
            known = "at most 999,999,999 days" if pa.types.is_duration(value.type) else "a time in the years 1 to 9999"
            return CellError(place, shown.as_py(), f"expected {known}, or an empty cell where it is missing")
    raise AssertionError("every value can be read")


def _zoneless(value: pa.Scalar) -> pa.Scalar:
    return value.cast(pa.timestamp(value.type.unit)) if pa.types.is_timestamp(value.type) else value


def is_list(kind: pa.DataType) -> bool:
    """Whether each cell of an Arrow column is a list."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _joined_lists(array: pa.Array) -> pa.Array:
    """Lists as their texts, items made canonical once per distinct item."""
    if pa.types.is_nested(array.type.value_type):
        return array
    try:
        items = factorise(pc.list_flatten(array))
    except CellError as error:
        row = int(np.searchsorted(np.cumsum(list_lengths(array)), error.row, side="right"))
        raise CellError(row, error.value, error.reason) from None
    known = np.array([text != MISSING for text in items.texts], dtype=bool)[items.codes]
    return joined_lists(items.texts, Members(offsets_of(list_lengths(array)), items.codes).keep(known))


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "missing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list of lists" if value and isinstance(value[0], list) else "a list of lists or mappings"
    if isinstance(value, int) and value.bit_length() > 1_000:
        return "a huge number"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    shown = text if len(text) <= 60 else text[:57] + "..."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown)
