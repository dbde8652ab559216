"""One file → polars frames, by the file's ending."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from clickprompt.settings import ClickPromptError
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.raw import InputFile
from clickprompt.table.remote import is_url
from clickprompt.table.sources.byte_streams import COMPRESSED, ending, is_compressed
from clickprompt.table.sources.column_pieces import column_pieces, column_types
from clickprompt.table.sources.delimited_header import Layout
from clickprompt.table.sources.delimited_pieces import delimited_columns, delimited_pieces
from clickprompt.table.sources.found_files import remote_input
from clickprompt.table.sources.json_lines import json_line_pieces, settled
from clickprompt.table.sources.json_pieces import PIECE_ROWS

if TYPE_CHECKING:
    import polars as pl

FileFormat = Literal["csv", "tsv", "parquet", "arrow", "jsonl"]

_ENDINGS: dict[str, FileFormat] = {
    **{f".{kind}": kind for kind in get_args(FileFormat)},
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ndjson": "jsonl",
}


@dataclass(frozen=True)
class FileReader:
    """How a file is read."""

    file: InputFile
    kind: FileFormat
    layout: Layout

    def known_types(self) -> dict[str, pl.DataType] | None:
        """The type of each column, from the file's beginning or end; None where only reading it all tells."""
        import polars as pl

        if self.kind == "jsonl":
            return None
        if self.kind == "parquet" or self.kind == "arrow":
            return column_types(self.file, self.kind)
        return {column: pl.String() for column in delimited_columns(self.file, self.layout)}

    def pieces(
        self, types: dict[str, pl.DataType], bad: BadRows, rows: int | None = None
    ) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
        """Frames of at most `rows` rows, and int64 (height,): each row's number in its file, from 1.

        `types`: of JSON lines, what is known so far; see `json_line_pieces`. Each row counts in `bad.seen`.
        """
        rows = rows or PIECE_ROWS
        if self.kind == "jsonl":
            yield from json_line_pieces(self.file, types, bad, encoding=self.layout.encoding, rows=rows)
        elif self.kind == "parquet" or self.kind == "arrow":
            before = 0
            for frame in column_pieces(self.file, self.kind, rows):
                yield frame, np.arange(before + 1, before + frame.height + 1)
                before += frame.height
                bad.seen += frame.height
        else:
            yield from delimited_pieces(self.file, self.layout, bad, rows=rows)


def reader_of(
    file: InputFile, *, encoding: str = "utf-8", separator: str | None = None, format: FileFormat | None = None
) -> FileReader:
    """The way to read a file. Raises ClickPromptError where its ending is not known."""
    kind = format or _ENDINGS.get(ending(file.path))
    if kind is None:
        raise ClickPromptError(
            f"{file.name}: format not known by its ending; expected one of {' '.join(_ENDINGS)}, and "
            f"{' '.join(COMPRESSED)} after those of texts"
        )
    if kind in ("parquet", "arrow") and is_compressed(file):
        raise ClickPromptError(f"{file.name}: a compressed {kind} file is not read; unpack it")
    return FileReader(file, kind, Layout(separator or ("\t" if kind == "tsv" else ","), encoding))


def read_rows(
    path: Path | str,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    format: FileFormat | None = None,
    name: str | None = None,
    bad: BadRows | None = None,
) -> pl.DataFrame:
    """Read a table of any known format whole, from a path or an address; `name` stands for the file in errors.

    Cells of CSV and TSV stay texts, so that 01234 keeps its zero. Raises ClickPromptError that names file and line;
    lines of a text file that cannot be read are left out where `bad` asks for that.
    """
    import polars as pl

    name = name or str(path)
    check_encoding(encoding)
    if isinstance(path, str) and is_url(path):
        file = remote_input(path, name)
    else:
        file = InputFile(name, Path(path).expanduser())
        if not file.path.exists():
            raise ClickPromptError(f"{name}: no such file")
    reader = reader_of(file, encoding=encoding, separator=separator, format=format)
    if reader.kind == "jsonl":
        return settled(file, encoding, bad)
    own = bad or BadRows()
    frames = [frame for frame, _ in reader.pieces({}, own)]
    return pl.concat(frames) if frames else pl.DataFrame(schema=reader.known_types())


def check_encoding(encoding: str) -> str:
    """The encoding, if Python knows one of that name. Raises ClickPromptError otherwise."""
    try:
        "x".encode(encoding)  # refuses codecs that are not of text, such as hex
    except LookupError:
        raise ClickPromptError(f"encoding {encoding!r} is not known; such as utf-8, latin-1 or cp1252") from None
    return encoding
