r"""Records whose cells are quoted and escaped by backslashes, as MySQL exports them: `"278853";"a \"b\"; c";NULL`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.records import wrong_width

if TYPE_CHECKING:
    import polars as pl

_MOST_LINES = 10
"""Lines that one record may take."""
_MOST_ENDS = 16
"""Places where a cell with stray quotes may end; each more multiplies the ways to part a record."""
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_BARE = r'([^";]*)'
_STRAY = r'"((?:[^"\\]|\\.|"(?!;|\Z))*\\?)"'
"""A quoted cell with quotes that nothing escapes: a quote ends it only before a separator; and a backslash may be its
last character, not the escape of its last quote."""


def read_escaped(
    file: InputFile, columns: tuple[str, ...], bad: BadRows, *, encoding: str = "latin-1"
) -> tuple[pl.DataFrame, np.ndarray]:
    """Texts by column, null where a bare NULL stands, and int64 (rows,): each row's number in the file, from 1.

    The first line must name the `columns`. Cells are parted by semicolons; a backslash stands before a character that
    is meant as it is; lines end in LF or CR LF. A cell may hold line breaks, as long as no line of it is a record
    by itself, and quotes without a backslash, as long as no semicolon follows. Raises ClickPromptError with file and
    line for any other; such lines are left out where `bad` asks for it. Rows count in `bad.seen`.
    """
    import polars as pl

    with clear_disk_errors(file.path):
        content = file.path.read_bytes()
    lines = pl.Series([content.decode(encoding)]).str.split("\n").list.explode().str.strip_suffix("\r")
    header = _cells(lines[0], len(columns))
    if header != list(columns):
        raise ClickPromptError(f"{file.name}, line 1: expected {';'.join(columns)} in quotes, not {lines[0][:200]!r}")
    pattern = "^" + ";".join([f"(?:{_QUOTED}|{_BARE})"] * len(columns)) + "$"
    groups = lines.str.extract_groups(pattern).struct.unnest()
    whole = groups.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy().copy()
    whole[0] = False
    firsts, rows, faults = _mend(lines, whole, len(columns))
    frame = groups.select(
        _cell(pl.col(groups.columns[2 * place]), pl.col(groups.columns[2 * place + 1])).alias(column)
        for place, column in enumerate(columns)
    ).filter(pl.Series(whole))
    places = np.concatenate([np.flatnonzero(whole), np.array(firsts, dtype=np.int64)])
    mended = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    order = np.argsort(places, kind="stable")
    every = np.sort(np.concatenate([places, np.array([line for line, _ in faults], dtype=np.int64)]))
    bad.seen += len(every)
    for line, fault in faults:
        row = int(np.searchsorted(every, line)) + 1
        found = BadRow(file.name, row, line + 1, None, fault, lines[line] if bad.keeps else "")
        if not bad.skips:
            raise ClickPromptError(f"{found}; mend or remove the line")
        bad.rows.append(found)
    return pl.concat([frame, mended])[order], np.searchsorted(every, places[order]) + 1


def _mend(
    lines: pl.Series, whole: np.ndarray, cells: int
) -> tuple[list[int], list[list[str | None]], list[tuple[int, str]]]:
    """Records among the lines that are not whole: first line and cells of each; and lines that are none, with why."""
    firsts: list[int] = []
    rows: list[list[str | None]] = []
    faults: list[tuple[int, str]] = []
    empty = (lines == "").to_numpy()
    done = 0
    for line in np.flatnonzero(~whole)[1:].tolist():
        if line <= done or empty[line]:
            continue
        for text, last in _together(lines, whole, line):
            found = _cells(text, cells)
            if found is not None:
                firsts.append(line)
                rows.append(found)
                done = last
                break
        else:
            faults.append((line, _fault(lines[line], cells)))
    return firsts, rows, faults


def _together(lines: pl.Series, whole: np.ndarray, line: int) -> Iterator[tuple[str, int]]:
    """A line, and it with those after it that are no records; with the last line of each."""
    text = lines[line]
    yield text, line
    for last in range(line + 1, min(line + _MOST_LINES, len(lines))):
        if whole[last]:
            return
        text = f"{text}\n{lines[last]}"
        yield text, last


def _cells(text: str, cells: int) -> list[str | None] | None:
    """The cells of a record, None where the text is none."""
    for quoted in (_QUOTED, _STRAY) if text.count('\\";') <= _MOST_ENDS else (_QUOTED,):
        found = re.fullmatch(";".join([f"(?:{quoted}|{_BARE})"] * cells), text, re.DOTALL)
        if found is not None:
            pairs = zip(found.groups()[::2], found.groups()[1::2], strict=True)
            return [_plain(inside, bare) for inside, bare in pairs]
    return None


def _plain(inside: str | None, bare: str | None) -> str | None:
    if inside is None:
        return None if bare == "NULL" else bare
    return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)


def _cell(inside: pl.Expr, bare: pl.Expr) -> pl.Expr:
    import polars as pl

    plain = pl.when(inside.str.contains("\\", literal=True)).then(inside.str.replace_all(r"\\(.)", "${1}"))
    return plain.otherwise(inside).fill_null(bare.replace("NULL", None))


def _fault(line: str, cells: int) -> str:
    if line.count('"') % 2:
        return "a quote is left open"
    found = len(re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^;])+', line))
    return wrong_width(found, cells) if found != cells else "a quote stands where none is expected"
