"""One file → one polars frame, by the file's ending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from clickprompt.settings import ClickPromptError, first_line
from clickprompt.storage import clear_disk_errors, disk_error
from clickprompt.table.bad_rows import BadRows
from clickprompt.table.sources.arrow_types import check_columns
from clickprompt.table.sources.delimited import read_delimited
from clickprompt.table.sources.json_lines import read_json_lines

if TYPE_CHECKING:
    import polars as pl

FileFormat = Literal["csv", "tsv", "parquet", "arrow", "jsonl"]

_ENDINGS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

_ARROW_FILE = b"ARROW1"
"""How an Arrow file begins; an Arrow stream does not."""


def read_rows(
    path: Path | str,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    format: FileFormat | None = None,
    name: str | None = None,
    bad: BadRows | None = None,
) -> pl.DataFrame:
    """Read a table of any known format; `name` stands for the file in errors.

    Cells of CSV and TSV stay texts, so that 01234 keeps its zero. Raises ClickPromptError that names file and line;
    lines of a text file that cannot be read are left out where `bad` asks for that.
    """
    name = name or str(path)
    path = Path(path).expanduser()
    check_encoding(encoding)
    if not path.exists():
        raise ClickPromptError(f"{name}: no such file")
    kind = format or _ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise ClickPromptError(f"{name}: format not known by its ending; expected one of {' '.join(_ENDINGS)}")
    if kind == "jsonl":
        return read_json_lines(path, name, encoding=encoding, bad=bad)
    if kind in ("csv", "tsv"):
        separator = separator or ("," if kind == "csv" else "\t")
        return read_delimited(path, name, separator=separator, encoding=encoding, bad=bad)
    return _read_columns(path, name, kind)


def check_encoding(encoding: str) -> str:
    """The encoding, if Python knows one of that name. Raises ClickPromptError otherwise."""
    try:
        "x".encode(encoding)  # refuses codecs that are not of text, such as hex
    except LookupError:
        raise ClickPromptError(f"encoding {encoding!r} is not known; such as utf-8, latin-1 or cp1252") from None
    return encoding


def _read_columns(path: Path, name: str, kind: FileFormat) -> pl.DataFrame:
    import polars as pl

    with clear_disk_errors(path), path.open("rb") as file:
        stream = file.read(len(_ARROW_FILE)) != _ARROW_FILE
    try:
        schema = _schema(path, kind, stream)
        check_columns(schema, name)
        if kind == "parquet":
            frame = pl.read_parquet(path, glob=False)
        else:
            frame = pl.read_ipc_stream(path) if stream else pl.read_ipc(path)
        dates = [field.name for field in schema if pa.types.is_date64(field.type)]  # polars makes times of them
        return frame.with_columns(frame[column].cast(pl.Date) for column in dates)
    except OSError as error:
        raise disk_error(error, path) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, ValueError) as error:
        title = "a Parquet" if kind == "parquet" else "an Arrow IPC"
        raise ClickPromptError(f"{name}: not {title} file that can be read ({first_line(error)})") from None


def _schema(path: Path, kind: FileFormat, stream: bool) -> pa.Schema:
    import pyarrow.parquet as pq

    if kind == "parquet":
        return pq.read_schema(path)
    with pa.memory_map(str(path)) as source:
        return (pa.ipc.open_stream(source) if stream else pa.ipc.open_file(source)).schema
