"""How a delimited text is laid out, and the names in its first line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from clickprompt.settings import ClickPromptError
from clickprompt.table.sources.records import csv_reader, strange_byte
from clickprompt.table.sources.text_blocks import is_utf8

_MARKS = b"\x1f\x1e\x1d\t"


@dataclass(frozen=True)
class Layout:
    """How cells are told from one another."""

    separator: str = ","
    """Between cells; may be longer than a character."""
    encoding: str = "utf-8"
    quoted: bool = True
    """Whether quotes may stand around a cell; else they are letters."""

    def with_one_mark(self, text: bytes, name: str) -> tuple[bytes, str]:
        """The text with one byte between cells, for readers split at one, and that byte as text."""
        separator = self.separator.encode()
        if len(separator) == 1:
            return text, self.separator
        for byte in _MARKS:
            if byte not in text:
                return text.replace(separator, bytes([byte])), chr(byte)
        raise ClickPromptError(f"{name}: holds control characters; give the file a separator of one character")

    def not_text(self, place: str, byte: str) -> ClickPromptError:
        """What to say of a byte that is none of the encoding."""
        advice = "encoding: latin-1" if is_utf8(self.encoding) else "encoding: utf-8"
        return ClickPromptError(
            f"{place}: byte {byte} is not {self.encoding} text; set the encoding of the file, such as {advice}"
        )


def header_of(text: bytes, name: str, layout: Layout) -> tuple[tuple[str, ...], int, int]:
    """The names in a text's first line, and how many bytes and lines they take.

    Raises ClickPromptError for a line that cannot be read, and for a name that stands there twice.
    """
    plain, mark = layout.with_one_mark(text, name)
    lines = list(io.StringIO(plain.decode("utf-8", "surrogateescape"), newline=""))
    reader = csv_reader(iter(lines), mark, layout.quoted)
    try:
        header = next(tuple(cell.replace(mark, layout.separator) for cell in row) for row in reader if row)
    except (csv.Error, StopIteration) as error:
        raise ClickPromptError(f"{name}, line 1: the header cannot be read ({error})") from None
    if (byte := strange_byte("".join(header))) is not None:
        raise layout.not_text(f"{name}, line 1", byte)
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise ClickPromptError(f"{name}, line 1: column {repeated[0]!r} is named twice; give each column its own name")
    used = "".join(lines[: reader.line_num]).replace(mark, layout.separator)
    return header, len(used.encode("utf-8", "surrogateescape")), reader.line_num
