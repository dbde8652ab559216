"""JSON lines: one object a line; keys that a line lacks are missing values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors

if TYPE_CHECKING:
    import polars as pl

_NESTED = frozenset({"a list", "an object"})


def read_json_lines(path: Path, name: str, *, encoding: str = "utf-8") -> pl.DataFrame:
    """A frame with a column for each key.

    Raises ClickPromptError with file and line for a line that is no object, or that holds a list or an object where
    another holds something else.
    """
    import polars as pl

    with clear_disk_errors(path):
        content = path.read_bytes()
    if not content or content.isspace():
        raise ClickPromptError(f"{name}: the file is empty")
    try:
        frame = pl.read_ndjson(content.decode(encoding).encode(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        reason = f"{name}: {str(error).splitlines()[0]}"
        raise _first_fault(content, name, encoding) or ClickPromptError(reason) from None
    if any(map(_looks_like_json, frame.iter_columns())) and (fault := _first_fault(content, name, encoding)):
        raise fault
    return frame


def _looks_like_json(column: pl.Series) -> bool:
    """Whether a column has texts such as '["a"]', which polars makes of lists where other lines have texts."""
    import polars as pl

    while column.dtype == pl.List:
        column = column.list.explode()
    return column.dtype == pl.String and bool((column.str.starts_with("[") | column.str.starts_with("{")).any())


def _first_fault(content: bytes, name: str, encoding: str) -> ClickPromptError | None:
    """The first line that is no object, or holds what does not fit an earlier line.

    Texts fit numbers and truth values, of which polars makes texts.
    """
    first: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        place = f"{name}, line {number:,}"
        try:
            record = json.loads(line.decode(encoding)) if line.strip() else {}
        except UnicodeError:
            return ClickPromptError(f"{place}: not {encoding} text; set the encoding, such as encoding: latin-1")
        except ValueError as broken:
            return ClickPromptError(f"{place}: not JSON ({broken}); mend or remove the line")
        if not isinstance(record, dict):
            return ClickPromptError(f'{place}: {_kind(record)}; expected an object such as {{"user": 1, "label": 0}}')
        for what, kind in _kinds(record):
            before, where = first.setdefault(what, (kind, number))
            if kind != before and ("a text" not in (kind, before) or _NESTED & {kind, before}):
                return ClickPromptError(
                    f"{place}: {what} is {kind} here and {before} in line {where:,}; give it one type"
                )
    return None


def _kinds(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The type of each value that is not null, and of each item of lists."""
    for key, value in record.items():
        if value is not None:
            yield key, _kind(value)
        for item in value if isinstance(value, list) else ():
            if item is not None:
                yield f"an item of {key}", _kind(item)


def _kind(value: Any) -> str:
    names = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
