"""Lines of JSON one by one: the slow way, for files with lines that the fast reader refuses."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from clickprompt.table.bad_rows import BadRow

_NESTED = frozenset({"a list", "an object"})


def usable_lines(content: bytes, name: str, encoding: str, *, keeps: bool) -> tuple[list[bytes], list[BadRow]]:
    """The lines that are objects of one type a key, that which most lines have; and what is wrong with the others.

    `keeps`: with the lines themselves.
    """
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    read = [_read(line, encoding) for _, line in lines]
    usual = _usual_kinds([record for record in read if isinstance(record, dict)])
    usable, faults = [], []
    for row, ((number, line), record) in enumerate(zip(lines, read, strict=True), start=1):
        fault = record if isinstance(record, str) else _fault(record, usual)
        if fault is None:
            usable.append(line)
        else:
            written = line.strip().decode(encoding, "backslashreplace") if keeps else ""
            faults.append(BadRow(name, row, number, None, fault, written))
    return usable, faults


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


def _read(line: bytes, encoding: str) -> dict[str, Any] | str:
    """What a line holds, or what is wrong with it."""
    try:
        record = json.loads(line.decode(encoding), parse_constant=_no_number)
    except UnicodeError:
        return f"not {encoding} text"
    except (ValueError, RecursionError) as broken:
        return f"not JSON ({broken})"
    return record if isinstance(record, dict) else f"{kind_of(record)}; expected an object"


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _usual_kinds(records: list[dict[str, Any]]) -> dict[str, str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for what, kind in kinds(record):
            counts[what][kind] += 1
    return {what: found.most_common(1)[0][0] for what, found in counts.items()}


def _fault(record: dict[str, Any], usual: dict[str, str]) -> str | None:
    for what, kind in kinds(record):
        if not fit(kind, usual[what]):
            return f"{what} is {kind} here and {usual[what]} in most lines"
    return None
