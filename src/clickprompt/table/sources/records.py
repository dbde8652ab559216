"""Records of delimited text one by one: the slow way, for files with lines that the fast reader refuses."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

_MOST_LINES = 1000
"""Lines of one record; a quote left open would else swallow the rest of the file."""


@dataclass(frozen=True)
class Record:
    """A record, or the first line of what is none."""

    line: int
    """Number of its first line; lines count from 1."""
    cells: list[str]
    fault: str | None
    """What is wrong with it."""
    content: str
    """The line at fault."""
    end: int
    """Lines before the next record."""


def records(lines: list[str], separator: str, cells: int, *, quoted: bool, last: bool = True) -> Iterator[Record]:
    """Every record but empty lines. Bytes that are none of the text's encoding stand in it as surrogates.

    Of several lines that together are no record with so many `cells` the first is at fault, and reading goes on with
    the next: a quote left open costs its own line. Without `last` more lines are to come: the first record that they
    may complete ends the iteration.
    """
    start = 0
    while start < len(lines):
        reader = csv_reader(islice(lines, start, start + _MOST_LINES), separator, quoted)
        before = 0
        while True:
            try:
                row = next(reader)
            except StopIteration:
                start += before
                break
            except csv.Error as error:
                if before:  # once more, with all the lines that a record may have
                    start += before
                    break
                if not last and len(lines) < start + _MOST_LINES and "unexpected end" in str(error):
                    return
                yield Record(start + 1, [], f"{error}; is a quote left open?", lines[start], start + 1)
                start += 1
                break
            end = start + reader.line_num
            own = lines[start + before : end]
            fault = _fault(row, "".join(own), cells) if row else None
            if fault is not None:
                start += before + 1
                yield Record(start, [], fault, own[0], start)
                break
            if row:
                yield Record(start + before + 1, row, None, "", end)
            before = reader.line_num


def csv_reader(lines: Any, separator: str, quoted: bool) -> Any:
    """Python's reader of delimited text, strict about quotes."""
    csv.field_size_limit(2**31 - 1)
    return csv.reader(
        lines, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=quoted
    )


def wrong_width(found: int, cells: int) -> str:
    """What is wrong with a record of `found` cells."""
    few = "few" if found < cells else "many"
    return f"too {few} cells, {found} where the table has {cells} columns"


def strange_byte(text: str) -> str | None:
    """The first byte of a text that stands in it as a surrogate, such as `0xff`."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"0x{ord(text[error.start]) & 0xFF:02x}"
    return None


def as_written(content: str) -> str:
    """A line without its end, bytes that are no text as `\\xff`."""
    return content.rstrip("\r\n").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _fault(row: list[str], content: str, cells: int) -> str | None:
    if not content.isascii() and (byte := strange_byte(content)) is not None:
        return f"byte {byte} is not text in the file's encoding"
    return None if len(row) == cells else wrong_width(len(row), cells)
