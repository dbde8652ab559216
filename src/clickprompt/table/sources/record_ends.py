"""Where records of delimited text end: a newline within quotes ends none."""

from __future__ import annotations

import csv
import io
from collections import deque

import numpy as np

from clickprompt.table.sources.records import csv_reader


def record_end(text: bytes, *, quoted: bool) -> int:
    """Bytes up to the end of the last record that seems whole; 0 where none does.

    Seems, for quotes are but counted: `5" nails` without quotes around is one too few. `is_strict` tells afterwards.
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
    """Whether each cell that begins with a quote ends with its next single one, and the text outside of quotes.

    Arrow takes letters after a closing quote, as in `"a" b`, for a part of the cell, and an open quote to mean that the
    rest of the text is one cell; what a line says would depend on where the text was cut.
    """
    if b'"' not in text:
        return True
    return _all_stand_around(text, separator) or _python_reads(text, separator)


def _all_stand_around(text: bytes, separator: str) -> bool:
    """Whether every quote opens or closes a cell, or is one of a pair within one."""
    letters = np.frombuffer(b"\n" + text + b"\n", dtype=np.uint8)
    places = np.flatnonzero(letters == ord('"'))
    if len(places) % 2:
        return False
    opening, closing = places[::2], places[1::2]
    ends = np.zeros(256, dtype=bool)
    ends[[ord(separator), ord("\n"), ord("\r")]] = True
    pairs = closing[:-1] + 1 == opening[1:]
    opens, closes = ends[letters[opening - 1]], ends[letters[closing + 1]]
    return bool(opens[0] and closes[-1] and (opens[1:] | pairs).all() and (closes[:-1] | pairs).all())


def _python_reads(text: bytes, separator: str) -> bool:
    """The slower way, for a quote amid a cell without quotes is a letter."""
    try:
        deque(csv_reader(io.StringIO(text.decode(), newline=""), separator, True), maxlen=0)
    except (csv.Error, UnicodeError):
        return False
    return True
