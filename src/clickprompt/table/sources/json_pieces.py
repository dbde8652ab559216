"""JSON lines of a known schema, in pieces: one object a line, whatever the size of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.text_blocks import line_blocks
from clickprompt.table.sources.usable_lines import kind_of, read_line

if TYPE_CHECKING:
    import polars as pl

PIECE_ROWS = 500_000
"""Rows of a piece at most."""


def json_pieces(
    file: InputFile,
    types: Mapping[str, pl.DataType | type[pl.DataType]],
    bad: BadRows,
    *,
    encoding: str = "utf-8",
    rows: int = PIECE_ROWS,
) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    """Frames with just the columns of `types`, and int64 (height,): each row's number in its file, from 1.

    Keys that a line lacks are null, other keys are passed over; a number or a truth value where a text is expected
    becomes its text. Empty lines are no rows. Each row counts in `bad.seen`. Raises ClickPromptError with file and line
    for a line that is no object or whose values are not of the types; such lines are left out where `bad` asks for it.
    """
    import polars as pl

    schema = pl.Schema(types)
    line = row = 0
    for block in line_blocks(file, encoding):
        lines_of_block = block.count(b"\n")
        if not block.isspace():
            frame, numbers, seen = _read(block, schema, file.name, encoding, line, row, bad)
            bad.seen += seen
            row += seen
            for start in range(0, frame.height, rows):
                yield frame[start : start + rows], numbers[start : start + rows]
        line += lines_of_block


def _read(
    block: bytes, schema: pl.Schema, name: str, encoding: str, line: int, row: int, bad: BadRows
) -> tuple[pl.DataFrame, np.ndarray, int]:
    """The frame of a block, its rows' numbers, and how many rows there were; so many lines and rows came before."""
    frame = parsed(block, schema)
    if frame is not None:
        return frame, np.arange(row + 1, row + frame.height + 1), frame.height
    places = [(number, text) for number, text in enumerate(block.split(b"\n"), start=line + 1) if text.strip()]
    lines = [text for _, text in places]
    faulty = []
    for place in misfits(lines, lambda some: parsed(some, schema) is not None):
        number, text = places[place]
        record = read_line(text, encoding)
        fault = record if isinstance(record, str) else _fault(record, schema)
        if not bad.skips:
            raise ClickPromptError(f"{name}, line {number:,}: {fault}; mend or remove the line")
        written = text.strip().decode("utf-8", "backslashreplace") if bad.keeps else ""
        bad.rows.append(BadRow(name, row + place + 1, number, None, fault, written))
        faulty.append(place)
    kept = np.delete(np.arange(len(lines)), faulty)
    frame = parsed(b"\n".join(lines[place] for place in kept.tolist()), schema)
    assert frame is not None
    return frame, row + 1 + kept, len(lines)


def parsed(content: bytes, schema: pl.Schema) -> pl.DataFrame | None:
    """Lines as a frame of the schema; None where any of them does not fit."""
    import polars as pl

    if not content.strip():
        return pl.DataFrame(schema=schema)
    try:
        frame = pl.read_ndjson(content, schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return None if nested_in_texts(frame, content) else frame


def nested_in_texts(frame: pl.DataFrame, content: bytes) -> bool:
    """Whether a text of the frame, such as '["a"]', was made of a list or an object; `content`: its lines."""
    looks = _looks_like_json(frame)
    if looks is None or not looks.any():
        return False
    lines = [line for line in content.split(b"\n") if line.strip()]
    records = (read_line(lines[place], "utf-8") for place in np.flatnonzero(looks).tolist())
    return any(
        isinstance(record, str) or not all(_fits(record.get(name), kind) for name, kind in frame.schema.items())
        for record in records
    )


def _looks_like_json(frame: pl.DataFrame) -> np.ndarray | None:
    """bool (rows,): whether a row has a text that begins as a list or an object of JSON; None without texts."""
    looks = [mask for name, kind in frame.schema.items() if (mask := _mask(frame[name], kind)) is not None]
    return reduce(or_, looks) if looks else None


def misfits(lines: list[bytes], fit: Callable[[bytes], bool]) -> Iterator[int]:
    """Places of the lines that do not `fit`, found by halving, first to last; lines that fit alone fit together."""

    def search(start: int, stop: int) -> Iterator[int]:
        if fit(b"\n".join(lines[start:stop])):
            return
        if stop - start == 1:
            yield start
            return
        middle = (start + stop) // 2
        yield from search(start, middle)
        yield from search(middle, stop)

    return search(0, len(lines))


def _mask(column: pl.Series, kind: Any) -> np.ndarray | None:
    import polars as pl

    if kind == pl.String:
        starts = column.str.starts_with("[") | column.str.starts_with("{")
        return starts.fill_null(False).to_numpy()
    if not isinstance(kind, pl.List):
        return None
    items = _mask(column.list.explode(keep_nulls=False, empty_as_null=False), kind.inner)
    if items is None or not items.any():
        return items if items is None else np.zeros(len(column), dtype=bool)
    lengths = column.list.len().fill_null(0).to_numpy()
    return np.bincount(np.repeat(np.arange(len(column)), lengths)[items], minlength=len(column)) > 0


def _fault(record: dict[str, Any], schema: pl.Schema) -> str:
    for name, kind in schema.items():
        if parsed(json.dumps({name: record.get(name)}).encode(), type(schema)({name: kind})) is None:
            return f"{name} is {kind_of(record[name])} here, which is not the expected {kind}"
    return "not JSON that can be read"


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value has the shape of a type: lists where lists are expected, and nothing nested elsewhere."""
    import polars as pl

    if value is None:
        return True
    if isinstance(kind, pl.List):
        return isinstance(value, list) and all(_fits(item, kind.inner) for item in value)
    if isinstance(kind, pl.Struct):
        return isinstance(value, dict) and all(_fits(value.get(field.name), field.dtype) for field in kind.fields)
    return not isinstance(value, list | dict)
