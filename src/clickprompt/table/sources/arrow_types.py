"""What an Arrow or Parquet file's columns may be: told before they are read, for polars stops the program at others."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pyarrow as pa

from clickprompt.settings import ClickPromptError

_MOST_DIGITS = 38


def check_columns(schema: pa.Schema, name: str) -> None:
    """Raise ClickPromptError for a column named twice, or of a type that cannot be read; `name` stands for the file."""
    names = schema.names
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise ClickPromptError(f"{name}: column {repeated[0]!r} is named twice; give each column its own name")
    for field in schema:
        for inner in _fields(field):
            fault = _fault(inner, nested=inner is not field)
            if fault is not None:
                raise ClickPromptError(f"{name}: column {field.name!r} {fault}")


def _fields(field: pa.Field) -> Iterator[pa.Field]:
    """The field and all that are nested in it."""
    yield field
    kind = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
    if pa.types.is_dictionary(kind):
        yield pa.field("", kind.value_type)
    for place in range(kind.num_fields):
        yield from _fields(kind.field(place))


def _fault(field: pa.Field, *, nested: bool) -> str | None:
    kind = field.type
    if nested and pa.types.is_date64(kind):
        return "holds dates of type date64 within lists or mappings; convert them to date32"
    if "\0" in field.name:
        return "has a zero character in its name; rename it"
    if pa.types.is_timestamp(kind) and kind.tz is not None and not _known_zone(kind.tz):
        return f"has times of the zone {kind.tz!r}, which is no name of the time zone database; convert it to UTC"
    if pa.types.is_decimal(kind) and (kind.bit_width > 128 or kind.precision > _MOST_DIGITS):
        return f"holds decimals of type {kind}; at most decimal128 of {_MOST_DIGITS} digits is read: convert it"
    empty = pa.types.is_fixed_size_list(kind) and not kind.list_size
    if empty or pa.types.is_union(kind) or pa.types.is_interval(kind) or pa.types.is_run_end_encoded(kind):
        return f"is of type {kind}, which is not read; write it as another, such as text"
    return None


def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True
