"""Click logs of any size in the shape of GoodReads, written piece by piece."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from clickprompt.settings import ClickPromptError

if TYPE_CHECKING:
    import polars as pl

LargeTableFormat = Literal["parquet", "jsonl", "jsonl.gz", "csv"]
FIELDS = (
    *("User ID", "Book ID", "Book title", "Book genres", "Average rating", "Number of book reviews", "Author ID"),
    *("Author name", "Number of pages", "eBook flag", "Format", "Publisher", "Publication year", "Work ID"),
    "Media type",
)
"""In the order of the sentence."""
VALUES_A_ROW = 0.225
"""As in GoodReads: 4.5 million distinct values in 20 million rows."""
_PIECE = 1 << 18
"""Rows made at a time."""
_FASTEST = 1
"""Level of gzip."""
_SHUFFLE = 2
"""Stream of random numbers."""


def write_large_table(
    folder: Path,
    rows: int,
    *,
    values: int | None = None,
    files: int = 1,
    format: LargeTableFormat = "parquet",
    seed: int = 0,
    shuffle: bool = False,
) -> list[Path]:
    """Write `reads-00000.parquet` and so on into a folder and return their paths.

    The rows depend on `rows`, `values` (distinct values of all fields together, about; 0.225 a row unset) and `seed`
    alone: files and formats hold the same ones, in the order of time, or with `shuffle` dealt to the files at random.
    `LargeTable` says what they are. Memory grows with `values`, and by 8 bytes a row with `shuffle`.

    Raises ClickPromptError where there are fewer rows than files, or where the folder holds `reads-*` that would stay
    beside the new ones.
    """
    from clickprompt.testing.large_table_rows import LargeTable

    if not 1 <= files <= rows:
        raise ClickPromptError(f"{rows:,} rows in {files:,} files: each file needs a row; ask for fewer files")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"reads-{file:05d}.{format}" for file in range(files)]
    if others := sorted(set(folder.glob("reads-*")) - set(paths)):
        raise ClickPromptError(f"{others[0]}: of another table, which would be read too; delete reads-* first")
    table = LargeTable(rows, round(VALUES_A_ROW * rows) if values is None else values, seed)
    order = np.random.default_rng([seed, _SHUFFLE]).permutation(rows) if shuffle else None
    for file, path in enumerate(paths):
        start, stop = rows * file // files, rows * (file + 1) // files
        with _WRITERS[format](path) as write:
            for low in range(start, stop, _PIECE):
                high = min(stop, low + _PIECE)
                write(table.frame(np.arange(low, high) if order is None else order[low:high]))
    return paths


def large_table_config(folder: Path) -> dict[str, Any]:
    """The `data` section of a recipe over all that `write_large_table` wrote into a folder."""
    kinds = {"Book title": "text", "Book genres": "text", "Author name": "text"}
    kinds |= dict.fromkeys(("Average rating", "Number of book reviews", "Number of pages"), "numeric")
    return {
        "source": {
            "kind": "files",
            "path": str(Path(folder) / "reads-*"),
            "fields": [
                {"name": name, "kind": kinds.get(name, "categorical"), "side": "item" if place else "user"}
                for place, name in enumerate(FIELDS)
            ],
            "label": "liked",
            "timestamp": "time",
        },
        "split": {"order": "time"},
    }


class _Write(Protocol):
    def __call__(self, piece: pl.DataFrame, /) -> None: ...


@contextmanager
def _parquet(path: Path) -> Iterator[_Write]:
    import polars as pl
    import pyarrow.parquet as pq

    writer: Any = None

    def write(piece: pl.DataFrame) -> None:
        nonlocal writer
        table = piece.to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def _json_lines(path: Path) -> Iterator[_Write]:
    with path.open("wb") as file:
        yield lambda piece: piece.write_ndjson(file)


@contextmanager
def _csv(path: Path) -> Iterator[_Write]:
    with path.open("wb") as file:
        yield lambda piece: piece.write_csv(file, include_header=not file.tell())


@contextmanager
def _gzipped_json_lines(path: Path) -> Iterator[_Write]:
    """One member without name and time, as `gzip --no-name` writes it; a thread compresses while rows are made."""
    with path.open("wb") as file, ThreadPoolExecutor(1) as thread:
        compressor = zlib.compressobj(_FASTEST, wbits=zlib.MAX_WBITS | 16)
        busy: Future[None] | None = None

        def compress(lines: memoryview) -> None:
            file.write(compressor.compress(lines))

        def write(piece: pl.DataFrame) -> None:
            nonlocal busy
            lines = io.BytesIO()
            piece.write_ndjson(lines)
            if busy is not None:
                busy.result()
            busy = thread.submit(compress, lines.getbuffer())

        yield write
        if busy is not None:
            busy.result()
        file.write(compressor.flush())


_WRITERS = {"parquet": _parquet, "jsonl": _json_lines, "jsonl.gz": _gzipped_json_lines, "csv": _csv}
