"""Delimited text in pieces, strictly: every cell is text, every row has a cell for each column."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.sources import text_blocks
from clickprompt.table.sources.delimited_header import Layout, header_of
from clickprompt.table.sources.json_pieces import PIECE_ROWS
from clickprompt.table.sources.record_ends import is_strict, record_end
from clickprompt.table.sources.records import as_written, records, strange_byte

if TYPE_CHECKING:
    import polars as pl

_HEADER_BYTES = 1 << 20
_SLOW_BYTES = 8 << 20
"""Text that is read record by record at once where the fast reader refuses it; as Python's objects it is larger."""


def delimited_pieces(
    file: InputFile, layout: Layout, bad: BadRows, *, columns: tuple[str, ...] | None = None, rows: int = PIECE_ROWS
) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    """Frames of texts, one at least, and int64 (height,): each row's number in its file, from 1; a header is none.

    `columns` names them where the file has no header. Each row counts in `bad.seen`. Raises ClickPromptError with file
    and line for a wrong encoding, a row with too few or too many cells, an open quote, a column named twice; lines at
    fault but the header are left out where `bad` asks for that.
    """
    import polars as pl

    chunks = text_blocks.text_chunks(file, layout.encoding)
    text = _beginning(file, chunks)
    used = line = 0
    if columns is None:
        columns, used, line = header_of(text, file.name, layout)
    reader = _Reader(file.name, layout, columns, bad, line)
    yield pl.DataFrame(schema=dict.fromkeys(columns, pl.String)), np.empty(0, dtype=np.int64)
    size = text_blocks.BLOCK_BYTES
    while True:
        text, last = _filled(text[used:], chunks, size)
        if not text:
            return
        frame, numbers, used = reader.read(text, last)
        size = text_blocks.BLOCK_BYTES if used else 2 * len(text)  # a record larger than a block
        for start in range(0, frame.height, rows):
            yield frame[start : start + rows], numbers[start : start + rows]


def delimited_columns(file: InputFile, layout: Layout) -> tuple[str, ...]:
    """The names in a file's first line. Raises ClickPromptError as `delimited_pieces` does for it."""
    return header_of(_beginning(file, text_blocks.text_chunks(file, layout.encoding)), file.name, layout)[0]


def _beginning(file: InputFile, chunks: Iterator[bytes]) -> bytes:
    text, last = _filled(b"", chunks, _HEADER_BYTES)
    if not text or (last and text.isspace()):
        raise ClickPromptError(f"{file.name}: the file is empty")
    return text


def _filled(text: bytes, chunks: Iterator[bytes], size: int) -> tuple[bytes, bool]:
    """The text with more from the chunks, of about `size` bytes; and whether that was all."""
    held, length = [text], len(text)
    while length < size:
        chunk = next(chunks, None)
        if chunk is None:
            return b"".join(held), True
        held.append(chunk)
        length += len(chunk)
    return b"".join(held), False


@dataclass
class _Reader:
    name: str
    layout: Layout
    columns: tuple[str, ...]
    bad: BadRows
    line: int
    """Lines before the text that comes next."""
    row: int = 0
    """Rows before it."""

    def read(self, text: bytes, last: bool) -> tuple[pl.DataFrame, np.ndarray, int]:
        """The rows of as many whole records as were read, their numbers, and how many bytes they took.

        `last`: whether the text is the end of the file. No bytes: more text is needed.
        """
        end = len(text) if last else record_end(text, quoted=self.layout.quoted)
        frame = self._fast(text[:end]) if last or end > len(text) // 2 else None
        if frame is None:
            return self._slow(text, last)
        numbers = np.arange(self.row + 1, self.row + frame.height + 1)
        self._passed(text[:end], frame.height)
        return frame, numbers, end

    def _passed(self, text: bytes, rows: int) -> None:
        self.line += text.count(b"\n") if b"\n" in text else text.count(b"\r")
        self.row += rows
        self.bad.seen += rows

    def _fast(self, text: bytes) -> pl.DataFrame | None:
        """None where the text holds a fault, or ends within a record."""
        import polars as pl

        if not text.strip(b"\r\n"):
            return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        plain, mark = self.layout.with_one_mark(text, self.name)
        try:
            table = pacsv.read_csv(
                pa.BufferReader(plain),
                read_options=pacsv.ReadOptions(column_names=self.columns),
                parse_options=pacsv.ParseOptions(
                    delimiter=mark,
                    quote_char='"' if self.layout.quoted else False,
                    newlines_in_values=self.layout.quoted,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(self.columns, pa.large_string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        if self.layout.quoted and not is_strict(plain, mark):
            return None
        frame = pl.DataFrame(pl.from_arrow(table))
        if mark == self.layout.separator or b'"' not in text:
            return frame
        return frame.with_columns(pl.all().str.replace_all(mark, self.layout.separator, literal=True))

    def _slow(self, text: bytes, last: bool) -> tuple[pl.DataFrame, np.ndarray, int]:
        import polars as pl

        some = text
        many = len(text) > _SLOW_BYTES
        if many or not last:
            some, last = text[: record_end(text[:_SLOW_BYTES], quoted=False)], False
        plain, mark = self.layout.with_one_mark(some, self.name)
        lines = list(io.StringIO(plain.decode("utf-8", "surrogateescape"), newline=""))
        rows: list[list[str]] = []
        numbers: list[int] = []
        row = self.row
        end = 0
        for record in records(lines, mark, len(self.columns), quoted=self.layout.quoted, last=last):
            row += 1
            end = record.end
            if record.fault is None:
                rows.append([cell.replace(mark, self.layout.separator) for cell in record.cells])
                numbers.append(row)
            else:
                self._refuse(record.fault, record.content.replace(mark, self.layout.separator), row, record.line)
        if last:
            end = len(lines)
        elif not end and many:
            raise ClickPromptError(
                f"{self.name}, line {self.line + 1:,}: a record of more than {_SLOW_BYTES:,} bytes; "
                "is a quote left open?"
            )
        frame = pl.DataFrame(rows, schema=dict.fromkeys(self.columns, pl.String), orient="row")
        self.line += end
        self.bad.seen += row - self.row
        self.row = row
        used = "".join(lines[:end]).replace(mark, self.layout.separator)
        return frame, np.array(numbers, dtype=np.int64), len(used.encode("utf-8", "surrogateescape"))

    def _refuse(self, fault: str, content: str, row: int, line: int) -> None:
        """Leave a row out, or raise."""
        number = self.line + line
        if self.bad.skips:
            written = as_written(content) if self.bad.keeps else ""
            self.bad.rows.append(BadRow(self.name, row, number, None, fault, written))
            return
        if (byte := strange_byte(content)) is not None:
            raise self.layout.not_text(f"{self.name}, line {number:,}", byte)
        advice = "; mend the line or the separator" if "cells" in fault else ""
        raise ClickPromptError(f"{self.name}, line {number:,}: {fault}{advice}")
