"""Where records of delimited text end: a newline within quotes ends none."""

from __future__ import annotations

import csv
import io
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from clickprompt.table.sources.records import csv_reader

if TYPE_CHECKING:
    import polars as pl


def record_end(text: bytes, *, quoted: bool) -> int:
    """Bytes up to the end of the last record that seems whole; 0 where none does.

    Seems, for quotes are but counted: `5" nails` without quotes around is one too few. `is_whole` tells afterwards.
    """
    end = text.rfind(b"\n") + 1 or text.rfind(b"\r", 0, -1) + 1
    if not quoted:
        return end
    within = text.count(b'"', 0, end) % 2
    while within and end:
        before = text.rfind(b"\n", 0, end - 1) + 1
        within ^= text.count(b'"', before, end) % 2
        end = before
    return end


def is_strict(text: bytes, separator: str) -> bool:
    """Whether no letters seem to stand between a closing quote and the next separator, as in `"a" b`.

    Arrow takes them for a part of the cell, which makes what a line says depend on whether another has a fault.
    """
    if b'"' not in text:
        return True
    for pattern in _loose(separator):
        for match in pattern.finditer(text):
            start, stop = text.rfind(b"\n", 0, match.start()) + 1, text.find(b"\n", match.start())
            try:  # a quote amid a cell without quotes is a letter
                list(csv_reader([text[start : stop if stop >= 0 else None].decode()], separator, True))
            except (csv.Error, UnicodeError):
                return False
    return True


@lru_cache
def _loose(separator: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    between = re.escape(separator).encode() + rb"\r\n"
    letter = rb'[^"' + between + rb"]"
    after_letter = rb'"(?<=' + letter + rb'")' + letter
    after_nothing = rb'""(?<![^' + between + rb']"")' + letter
    return re.compile(after_letter), re.compile(after_nothing)


def is_whole(text: bytes, frame: pl.DataFrame, separator: str) -> bool:
    """Whether the last row is a record that ends with the text, its quotes closed; `frame` was made of the text.

    Arrow takes an open quote to mean that the rest of the text is one cell.
    """
    if not frame.height:
        return True
    cells = frame.row(-1)
    if not any("\n" in cell or "\r" in cell for cell in cells):
        return True
    newlines = sum(cell.count("\n") for cell in cells)
    own = b"\n".join(text.rstrip(b"\r\n").rsplit(b"\n", newlines + 1)[-newlines - 1 :])
    try:
        rows = list(csv_reader(io.StringIO(own.decode(), newline=""), separator, True))
    except (csv.Error, UnicodeError):
        return False
    return rows == [list(cells)]
