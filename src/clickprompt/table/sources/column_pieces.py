"""Parquet and Arrow IPC files in pieces of so many rows, whatever the size of their row groups and record batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from clickprompt.settings import ClickPromptError, first_line
from clickprompt.storage import disk_error
from clickprompt.table.raw import InputFile
from clickprompt.table.remote import RemoteFile
from clickprompt.table.sources.arrow_types import check_columns

if TYPE_CHECKING:
    import polars as pl

_ARROW_FILE = b"ARROW1"
"""How an Arrow file begins; an Arrow stream does not."""
_BUFFER_BYTES = 1 << 20
"""Of each column, read at once; a whole row group of it would be else."""
_ROWS_AT_ONCE = 1 << 16
_PIECE_BYTES = 256 << 20
"""Of a piece of more than so many rows; long texts make it shorter."""


def column_types(file: InputFile, kind: Literal["parquet", "arrow"]) -> dict[str, pl.DataType]:
    """The polars type of each column. Raises ClickPromptError as `column_pieces` does."""
    with _opened(file, kind) as (_, schema):
        return dict(_frame(pa.Table.from_batches([], schema), schema).schema)


def column_pieces(file: InputFile, kind: Literal["parquet", "arrow"], rows: int) -> Iterator[pl.DataFrame]:
    """Frames of at most `rows` rows, and of fewer where these are large.

    Raises ClickPromptError for a file that is none, and for columns that cannot be read.
    """
    with _opened(file, kind) as (reader, schema):
        at_once = min(rows, _ROWS_AT_ONCE)
        batches = _parquet_batches(reader, at_once) if kind == "parquet" else _arrow_batches(reader)
        held: list[pa.RecordBatch] = []
        height = size = 0
        for batch in batches:
            for start in range(0, batch.num_rows, at_once):
                part = batch.slice(start, at_once)
                if held and (height + part.num_rows > rows or size + part.nbytes > _PIECE_BYTES):
                    yield _frame(pa.Table.from_batches(held), schema)
                    held, height, size = [], 0, 0
                held.append(part)
                height += part.num_rows
                size += part.nbytes
        if held:
            yield _frame(pa.Table.from_batches(held), schema)


@contextmanager
def _opened(file: InputFile, kind: Literal["parquet", "arrow"]) -> Iterator[tuple[Any, pa.Schema]]:
    """A reader of the file, and its schema."""
    import polars as pl

    try:
        with _source(file) as source:
            reader = _parquet(source) if kind == "parquet" else _arrow(source)
            schema = reader.schema_arrow if kind == "parquet" else reader.schema
            check_columns(schema, file.name)
            yield reader, schema
    except OSError as error:
        if error.errno is not None:
            raise disk_error(error, file.path) from error
        raise _none(file, kind, error) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, ValueError) as error:
        raise _none(file, kind, error) from None


def _none(file: InputFile, kind: str, error: BaseException) -> ClickPromptError:
    title = "a Parquet" if kind == "parquet" else "an Arrow IPC"
    return ClickPromptError(f"{file.name}: not {title} file that can be read ({first_line(error)})")


@contextmanager
def _source(file: InputFile) -> Iterator[Any]:
    if file.url is not None:
        with RemoteFile(file.url) as remote, pa.PythonFile(remote, mode="r") as source:
            yield source
    else:
        with pa.memory_map(str(file.path)) as source:
            yield source


def _parquet(source: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _arrow(source: Any) -> Any:
    stream = source.read(len(_ARROW_FILE)) != _ARROW_FILE
    source.seek(0)
    return pa.ipc.open_stream(source) if stream else pa.ipc.open_file(source)


def _parquet_batches(reader: Any, rows: int) -> Iterator[pa.RecordBatch]:
    yield from reader.iter_batches(batch_size=rows)


def _arrow_batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)
    else:
        yield from reader


def _frame(table: pa.Table, schema: pa.Schema) -> pl.DataFrame:
    import polars as pl

    frame = pl.DataFrame(pl.from_arrow(table))
    dates = [field.name for field in schema if pa.types.is_date64(field.type)]  # polars makes times of them
    return frame.with_columns(frame[column].cast(pl.Date) for column in dates)
