"""The bytes of a file, local or remote, unpacked on the way where its ending says that it is compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, BinaryIO

import pyarrow as pa

from clickprompt.settings import ClickPromptError, first_line
from clickprompt.storage import clear_disk_errors, disk_error
from clickprompt.table.raw import InputFile
from clickprompt.table.remote import RemoteFile

_UNPACKED: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": lambda file: pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"),
}
_BUFFER_BYTES = 1 << 20
COMPRESSED = tuple(_UNPACKED)
"""Endings of compressed files."""


def ending(path: PurePath) -> str:
    """The ending that says what a file is: `.csv` of `clicks.csv` and of `clicks.csv.gz`."""
    suffix = path.suffix.lower()
    return PurePath(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def is_compressed(file: InputFile) -> bool:
    """Whether a file's ending says so."""
    return file.path.suffix.lower() in COMPRESSED


@contextmanager
def open_bytes(file: InputFile) -> Iterator[BinaryIO]:
    """The bytes as they stand. Raises ClickPromptError where they cannot be had."""
    if file.url is not None:
        with io.BufferedReader(RemoteFile(file.url), _BUFFER_BYTES) as remote:
            yield remote  # type: ignore[misc]
        return
    try:
        stream = file.path.open("rb")
    except OSError as error:
        raise disk_error(error, file.path) from error
    with stream:
        yield stream


def chunks(file: InputFile, size: int) -> Iterator[bytes]:
    """The unpacked bytes, `size` at a time.

    Raises ClickPromptError for a file that cannot be had, ends too early or is not compressed as its ending says.
    """
    with open_bytes(file) as stream:
        if not is_compressed(file):
            while chunk := _read(stream, size, file):
                yield chunk
            return
        unpacked = _UNPACKED[file.path.suffix.lower()](stream)
        while chunk := _unpack(unpacked, size, file):
            yield chunk


def _read(stream: BinaryIO, size: int, file: InputFile) -> bytes:
    with clear_disk_errors(file.path):
        return stream.read(size)


def _unpack(unpacked: Any, size: int, file: InputFile) -> bytes:
    kind = file.path.suffix.lower()
    try:
        return bytes(unpacked.read(size))
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise disk_error(error, file.path) from error
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise ClickPromptError(f"{file.name}: the {kind} file ends too early; get the whole file again") from None
        raise ClickPromptError(f"{file.name}: not a whole {kind} file ({first_line(error)}); get it again") from None
