"""Hypothesis strategies for tables of any kind."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

ROWS = st.sampled_from([0, 1, 2, 3, 5, 5, 5])

_CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from([*"\0\x1f\x7f\u0085\u200b\u2028\ufeff\"',;\\[]{}|\r\n\t ", "e\u0301", "\U0001f9ff", "\ufdfa"]),
)
texts = st.one_of(
    st.lists(_CHARACTERS, max_size=6).map("".join),
    st.sampled_from(["", " ", "unknown", "nan", "NULL", "1", "01", "1.0", "-0", "1e5", "0x1f", "٣", "[1]", '{"a": 1}']),
    st.builds(lambda letter, times: letter * times, _CHARACTERS, st.sampled_from([300, 70_000])),
)
raw_bytes = st.one_of(st.binary(max_size=6), texts.map(str.encode))
names = st.one_of(
    st.sampled_from(["a", "b", "label", "A b", "Ünï", "a.b", "<b>", "^.*$", "*", "__index_level_0__"]), texts
)

_UNITS = st.sampled_from(["s", "ms", "us", "ns"])
_ZONES = st.sampled_from([None, None, "UTC", "UTC", "Europe/Oslo", "America/St_Johns", "+05:30"])

plain_types: st.SearchStrategy[pa.DataType] = st.one_of(
    st.sampled_from(
        [
            *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
            *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
            *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.null(), pa.date32(), pa.date64()),
            *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.binary(3), pa.decimal256(50, 2)),
        ]
    ),
    st.builds(lambda size, scale: pa.decimal128(size, min(size, scale)), st.integers(1, 38), st.integers(0, 38)),
    st.builds(pa.timestamp, _UNITS, _ZONES),
    st.builds(pa.duration, _UNITS),
)


def _nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    return st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        inner.map(lambda kind: pa.list_(kind, 2)),
        inner.map(lambda kind: pa.struct([("x", kind)])),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
    )


types: st.SearchStrategy[pa.DataType] = st.one_of(
    plain_types,
    plain_types,
    plain_types.map(pa.list_),
    st.sampled_from([pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.int64())]),
    st.recursive(plain_types, _nested, max_leaves=3),
)


def _width(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.one_of(st.integers(-3, 3), st.sampled_from([low, high]), st.integers(low, high))


def cells(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """A cell of an Arrow type, or what `array` makes one of."""
    value: st.SearchStrategy[Any]
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        value = st.lists(cells(kind.value_type), max_size=3)
    elif pa.types.is_fixed_size_list(kind):
        value = st.lists(cells(kind.value_type), min_size=2, max_size=2)
    elif pa.types.is_struct(kind):
        value = st.fixed_dictionaries({"x": cells(kind.field(0).type)})
    elif pa.types.is_map(kind):
        value = st.lists(st.tuples(texts, cells(kind.item_type)), max_size=2)
    elif pa.types.is_dictionary(kind):
        return cells(kind.value_type)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        value = texts
    elif pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        value = st.binary(min_size=3, max_size=3)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view():
        value = raw_bytes
    elif pa.types.is_boolean(kind):
        value = st.booleans()
    elif pa.types.is_unsigned_integer(kind):
        value = _width(kind.bit_width).map(lambda number: number % 2**kind.bit_width)
    elif pa.types.is_floating(kind):
        value = st.one_of(st.floats(width=kind.bit_width), st.sampled_from([math.nan, math.inf, -0.0, 1.0]))
    elif pa.types.is_decimal(kind):
        digits = st.integers(-(10**kind.precision) + 1, 10**kind.precision - 1)
        value = digits.map(lambda number: _decimal(number, kind.scale))
    elif pa.types.is_date64(kind):
        value = _width(36).map(lambda days: days * 86_400_000)
    elif pa.types.is_time(kind):
        a_day = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}[kind.unit]
        value = st.integers(0, a_day - 1)
    else:
        seconds = getattr(kind, "unit", None) == "s"
        value = _width(50 if seconds else kind.bit_width)  # integers, dates, times and spans, by their numbers
    return st.one_of(st.none(), value, value, value)


def array(kind: pa.DataType, values: list[Any]) -> pa.Array:
    """An Arrow array of the cells; dates, times and spans are given by their numbers."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        flat = array(kind.value_type, [item for value in values if value is not None for item in value])
        whole = pa.list_(pa.int64()) if not pa.types.is_large_list(kind) else pa.large_list(pa.int64())
        places = iter(range(len(flat)))
        shape = pa.array([None if v is None else [next(places) for _ in v] for v in values], whole)
        if pa.types.is_fixed_size_list(kind):
            filled = array(kind.value_type, [item for value in values for item in (value or [None, None])])
            mask = pa.array([value is None for value in values], pa.bool_())
            return pa.FixedSizeListArray.from_arrays(filled, type=kind, mask=mask)
        mask = pa.array([value is None for value in values], pa.bool_())
        return type(shape).from_arrays(shape.offsets, flat, type=kind, mask=mask)
    if pa.types.is_struct(kind):
        inner = array(kind.field(0).type, [None if value is None else value["x"] for value in values])
        mask = pa.array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays([inner], fields=list(kind), mask=mask)
    if pa.types.is_map(kind):
        pairs = [pair for value in values for pair in (value or [])]
        offsets = [0]
        for value in values:
            offsets.append(offsets[-1] + len(value or []))
        items = array(kind.item_type, [item for _, item in pairs])
        return pa.MapArray.from_arrays(
            pa.array(offsets, pa.int32()), pa.array([k for k, _ in pairs], pa.string()), items
        )
    if pa.types.is_dictionary(kind):
        return array(kind.value_type, values).dictionary_encode().cast(kind)
    if pa.types.is_temporal(kind):
        return pa.array(values, pa.int64() if kind.bit_width == 64 else pa.int32()).view(kind)
    return pa.array(values, kind)


@st.composite
def columns(draw: st.DrawFn, rows: int, kinds: st.SearchStrategy[pa.DataType] = types) -> pa.Array:
    """A column of any type."""
    kind = draw(kinds)
    return array(kind, draw(st.lists(cells(kind), min_size=rows, max_size=rows)))


json_values = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.integers(-3, 3), st.floats(), texts),
        st.text(st.characters(categories=["Cs", "Lu"]), max_size=3),
        st.sampled_from([10**25, -(10**400), 1e308]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=2)),
    max_leaves=3,
)


def json_line(record: dict[str, Any], raw: bool) -> str:
    """One line of JSON; `raw` writes what is not ASCII as it is, half surrogate pairs aside."""
    text = json.dumps(record, ensure_ascii=not raw)
    return text.encode(errors="replace").decode()


def _decimal(number: int, scale: int) -> Any:
    from decimal import Context, Decimal

    return Decimal(number).scaleb(-scale, Context(prec=100))
