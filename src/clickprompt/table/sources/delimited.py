"""Delimited text, strictly: every cell is text, every row has a cell for each column, or the line is named."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pacsv

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors
from clickprompt.table.bad_rows import BadRow, BadRows
from clickprompt.table.sources.records import as_written, csv_reader, records, strange_byte, wrong_width

if TYPE_CHECKING:
    import polars as pl


def read_delimited(
    path: Path,
    name: str,
    *,
    separator: str,
    encoding: str = "utf-8",
    columns: tuple[str, ...] | None = None,
    quoted: bool = True,
    bad: BadRows | None = None,
) -> pl.DataFrame:
    """A frame of texts. `columns` names them where the file has no header; `separator` may be longer than a character.

    Raises ClickPromptError with file and line for a wrong encoding, a row with too few or too many cells, an open
    quote, a column named twice; lines at fault but the header are left out where `bad` asks for that.
    """
    import polars as pl

    with clear_disk_errors(path):
        content = path.read_bytes()
    if not content or content.isspace():
        raise ClickPromptError(f"{name}: the file is empty")
    if len(separator) > 1:
        content, separator = _single_character(content, separator, encoding, name)
    skips = bad is not None and bad.skips
    header = columns or _header(content, name, separator, encoding, quoted, "surrogateescape" if skips else "strict")
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise ClickPromptError(f"{name}, line 1: column {repeated[0]!r} is named twice; give each column its own name")
    try:
        table = pacsv.read_csv(
            pa.BufferReader(content),
            read_options=pacsv.ReadOptions(encoding=_arrow_name(encoding), column_names=columns),
            parse_options=pacsv.ParseOptions(
                delimiter=separator, quote_char='"' if quoted else False, newlines_in_values=quoted
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.large_string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        if bad is not None and bad.skips:
            return _usable(content, name, separator, encoding, header, columns is None, quoted, bad)
        raise _explain(content, name, separator, encoding, len(header), quoted, error) from None
    frame = pl.DataFrame(pl.from_arrow(table))
    if quoted and frame.height and any("\n" in str(cell) for cell in frame.row(-1)):
        # Arrow takes an open quote to mean that the rest of the file is one cell
        if bad is not None and bad.skips:
            return _usable(content, name, separator, encoding, header, columns is None, quoted, bad)
        _check_lines(_decode(content, name, encoding), name, separator, len(header), quoted)
    return frame


def _usable(
    content: bytes,
    name: str,
    separator: str,
    encoding: str,
    header: tuple[str, ...],
    has_header: bool,
    quoted: bool,
    bad: BadRows,
) -> pl.DataFrame:
    """The frame of the lines that can be read; the others are told to `bad`."""
    import polars as pl

    try:
        text = content.decode(_python_name(encoding), "surrogateescape")
    except UnicodeError:  # not in every encoding can a byte be passed over
        text = _decode(content, name, encoding)
    every = records(text, separator, len(header), quoted=quoted)
    if has_header:
        next(every)
    rows: list[list[str]] = []
    faults = []
    for row, record in enumerate(every, start=1):
        if record.fault is None:
            rows.append(record.cells)
        else:
            written = as_written(record.content) if bad.keeps else ""
            faults.append(BadRow(name, row, record.line, None, record.fault, written))
    bad.rows += faults
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")


def _header(
    content: bytes, name: str, separator: str, encoding: str, quoted: bool, errors: str = "strict"
) -> tuple[str, ...]:
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=_python_name(encoding), newline="", errors=errors)
    try:
        header = tuple(next(csv_reader(lines, separator, quoted)))
        if any(map(strange_byte, header)):
            _decode(content, name, encoding)
        return header
    except UnicodeError:
        _decode(content, name, encoding)
        raise
    except (csv.Error, StopIteration) as error:
        raise ClickPromptError(f"{name}, line 1: the header cannot be read ({error})") from None


def _explain(
    content: bytes, name: str, separator: str, encoding: str, cells: int, quoted: bool, error: Exception
) -> ClickPromptError:
    try:
        _check_lines(_decode(content, name, encoding), name, separator, cells, quoted)
    except ClickPromptError as found:
        return found
    return ClickPromptError(f"{name}: {str(error).splitlines()[0]}")


def _check_lines(text: str, name: str, separator: str, cells: int, quoted: bool) -> None:
    reader = csv_reader(io.StringIO(text, newline=""), separator, quoted)
    line = 1
    try:
        for row in reader:
            if row and len(row) != cells:
                raise ClickPromptError(
                    f"{name}, line {line:,}: {wrong_width(len(row), cells)}; mend the line or the separator"
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise ClickPromptError(f"{name}, line {line:,}: {error}; is a quote left open?") from None


def _decode(content: bytes, name: str, encoding: str) -> str:
    """The text, or an error that names the line of the first byte that is none."""
    try:
        return content.decode(_python_name(encoding))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        advice = "encoding: latin-1" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else "encoding: utf-8"
        raise ClickPromptError(
            f"{name}, line {line:,}: byte 0x{content[error.start]:02x} is not {encoding} text; "
            f"set the encoding of the file, such as {advice}"
        ) from None
    except UnicodeError:
        raise ClickPromptError(f"{name}: not {encoding} text; set the encoding of the file") from None


def _single_character(content: bytes, separator: str, encoding: str, name: str) -> tuple[bytes, str]:
    """Arrow splits at one byte: put a control character that no cell holds in place of the separator."""
    for byte in b"\x1f\x1e\x1d\t":
        if byte not in content:
            return content.replace(separator.encode(encoding), bytes([byte])), chr(byte)
    raise ClickPromptError(f"{name}: holds control characters; give the file a separator of one character")


def _python_name(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _arrow_name(encoding: str) -> str:
    return "utf8" if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig") else encoding
