"""Lines of JSON one by one: the slow way, for files with lines that the fast reader refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clickprompt.table.bad_rows import BadRow

_NESTED = frozenset({"a list", "an object"})


def usable_lines(
    content: bytes, name: str, encoding: str, usual: Mapping[str, str], *, keeps: bool
) -> tuple[list[bytes], list[BadRow], int]:
    """The lines of UTF-8 that are objects of the `usual` types, what is wrong with the others, and how many there are.

    `encoding`: what the file was in; `keeps`: with the lines themselves.
    """
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    usable, faults = [], []
    for row, (number, line) in enumerate(lines, start=1):
        record = read_line(line, encoding)
        fault = record if isinstance(record, str) else _fault(record, usual)
        if fault is None:
            usable.append(line)
        else:
            written = line.strip().decode("utf-8", "backslashreplace") if keeps else ""
            faults.append(BadRow(name, row, number, None, fault, written))
    return usable, faults, len(lines)


def fit(kind: str, other: str) -> bool:
    """Whether values of these types may stand in one column: texts fit numbers and truth values."""
    return kind == other or ("a text" in (kind, other) and not _NESTED & {kind, other})


def kinds(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The type of each value that is not null, and of each item of lists."""
    for key, value in record.items():
        if value is not None:
            yield key, kind_of(value)
        for item in value if isinstance(value, list) else ():
            if item is not None:
                yield f"an item of {key}", kind_of(item)


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    names = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")


def read_line(line: bytes, encoding: str) -> dict[str, Any] | str:
    """What a line of UTF-8 holds, or what is wrong with it; `encoding`: what the file was in."""
    try:
        record = json.loads(line.decode(), parse_constant=_no_number)
    except UnicodeError:
        return f"not {encoding} text"
    except (ValueError, RecursionError) as broken:
        return f"not JSON ({broken})"
    return record if isinstance(record, dict) else f"{kind_of(record)}; expected an object"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _fault(record: dict[str, Any], usual: Mapping[str, str]) -> str | None:
    for what, kind in kinds(record):
        if not fit(kind, usual.get(what, kind)):
            return f"{what} is {kind} here and {usual[what]} in most lines"
    return None
