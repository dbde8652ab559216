"""JSON lines: one object a line; keys that a line lacks are missing values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors

if TYPE_CHECKING:
    import polars as pl


def read_json_lines(path: Path, name: str, *, encoding: str = "utf-8") -> pl.DataFrame:
    """A frame with a column for each key. Raises ClickPromptError with file and line for a line that is no object."""
    import polars as pl

    with clear_disk_errors(path):
        content = path.read_bytes()
    if not content or content.isspace():
        raise ClickPromptError(f"{name}: the file is empty")
    try:
        return pl.read_ndjson(content.decode(encoding).encode(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        raise _explain(content, name, encoding, error) from None


def _explain(content: bytes, name: str, encoding: str, error: Exception) -> ClickPromptError:
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
        for key, value in record.items():
            kind, where = first.setdefault(key, (_kind(value), number)) if value is not None else ("", 0)
            if kind and kind != _kind(value):
                return ClickPromptError(
                    f"{place}: {key} is {_kind(value)} here and {kind} in line {where:,}; give it one type"
                )
    return ClickPromptError(f"{name}: {str(error).splitlines()[0]}")


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
