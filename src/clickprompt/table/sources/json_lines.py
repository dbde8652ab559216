"""JSON lines: one object a line; keys that a line lacks are missing values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources.usable_lines import fit, kind_of, kinds, usable_lines

if TYPE_CHECKING:
    import polars as pl


def read_json_lines(path: Path, name: str, *, encoding: str = "utf-8", bad: BadRows | None = None) -> pl.DataFrame:
    """A frame with a column for each key.

    Raises ClickPromptError with file and line for a line that is no object, or that holds a list or an object where
    another holds something else; such lines are left out where `bad` asks for that.
    """
    with clear_disk_errors(path):
        content = path.read_bytes()
    if not content or content.isspace():
        raise ClickPromptError(f"{name}: the file is empty")
    try:
        return _read(content, name, encoding)
    except ClickPromptError:
        if bad is None or not bad.skips:
            raise
    usable, faults = usable_lines(content, name, encoding, keeps=bad.keeps)
    if not usable:
        raise ClickPromptError(f"{name}: none of {len(faults):,} lines can be read; such as {faults[0]}")
    bad.rows += faults
    return _read(b"\n".join(usable), name, encoding)


def _read(content: bytes, name: str, encoding: str) -> pl.DataFrame:
    import polars as pl

    try:
        frame = pl.read_ndjson(content.decode(encoding).encode(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeError) as error:
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
        except (ValueError, RecursionError) as broken:
            return ClickPromptError(f"{place}: not JSON ({broken}); mend or remove the line")
        if not isinstance(record, dict):
            return ClickPromptError(f'{place}: {kind_of(record)}; expected an object such as {{"user": 1, "label": 0}}')
        for what, kind in kinds(record):
            before, where = first.setdefault(what, (kind, number))
            if not fit(kind, before):
                return ClickPromptError(
                    f"{place}: {what} is {kind} here and {before} in line {where:,}; give it one type"
                )
    return None
