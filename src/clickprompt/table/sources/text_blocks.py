"""A text file in blocks of whole lines, as UTF-8; a thread of its own reads and unpacks ahead."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from clickprompt.prefetch import prefetch
from clickprompt.settings import ClickPromptError
from clickprompt.table.raw import InputFile
from clickprompt.table.sources.byte_streams import chunks

BLOCK_BYTES = 64 << 20
"""Text that is parsed at once."""
CHUNK_BYTES = 4 << 20
LONGEST_LINE = 256 << 20
"""Bytes of a line that is waited for."""
_AHEAD = 16
"""Chunks that are unpacked before they are asked for: as much as a block."""


def is_utf8(encoding: str) -> bool:
    """Whether this names UTF-8, in any spelling."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def text_chunks(file: InputFile, encoding: str, size: int | None = None) -> Iterator[bytes]:
    """The file's text as UTF-8 without a byte order mark, cut anywhere.

    Bytes that are no text of the encoding stay what they are, and are no UTF-8 then. Raises ClickPromptError as
    `byte_streams.chunks` does, and where an encoding has no way to go on after such bytes.
    """
    raw = prefetch(chunks(file, size or CHUNK_BYTES), lambda chunk: chunk, _AHEAD)
    first = True
    for chunk in raw if is_utf8(encoding) else _as_utf8(raw, file, encoding):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = False


def line_blocks(file: InputFile, encoding: str) -> Iterator[bytes]:
    """The text in blocks of about BLOCK_BYTES that end with a line; a longer line is a block of its own.

    Raises ClickPromptError as `text_chunks` does, and for a line of more than LONGEST_LINE bytes.
    """
    held: list[bytes] = []
    size = open_line = 0
    for chunk in text_chunks(file, encoding, min(CHUNK_BYTES, BLOCK_BYTES)):
        held.append(chunk)
        size += len(chunk)
        end = chunk.rfind(b"\n") + 1
        open_line = len(chunk) - end if end else open_line + len(chunk)
        if open_line > LONGEST_LINE:
            raise ClickPromptError(
                f"{file.name}: a line of more than {LONGEST_LINE:,} bytes; write each object on a line of its own"
            )
        if size >= BLOCK_BYTES and end:
            yield b"".join([*held[:-1], chunk[:end]])
            held = [chunk[end:]]
            size = len(chunk) - end
    if size:
        yield b"".join(held)


def _as_utf8(raw: Iterator[bytes], file: InputFile, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    try:
        for chunk in raw:
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError:
        raise ClickPromptError(f"{file.name}: not {encoding} text; set the encoding of the file") from None
