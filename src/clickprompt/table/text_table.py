"""Texts of values on disk: one Arrow file, read by memory map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors
from clickprompt.table.arrow import arrow_numbers, numbers, one_array


def write_texts(path: Path, texts: Sequence[str] | pa.Array, fields: np.ndarray, **columns: np.ndarray) -> None:
    """Write the columns `field` (uint16), `text` and any others."""
    words = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    others = [arrow_numbers(column) for column in columns.values()]
    table = pa.Table.from_arrays([arrow_numbers(fields), words, *others], names=["field", "text", *columns])
    with clear_disk_errors(path), pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


@dataclass(frozen=True)
class TextTable:
    """What `write_texts` wrote."""

    texts: pa.Array
    table: Any

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers, not copied."""
        return numbers(one_array(self.table[column]))


def read_texts(path: Path) -> TextTable:
    """Map what `write_texts` wrote into memory. Raises ClickPromptError where it is not that."""
    with clear_disk_errors(path):
        path.open("rb").close()
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except pa.ArrowInvalid:
            raise ClickPromptError(f"{path}: damaged, it is no longer an Arrow file; make it again") from None
    return TextTable(one_array(table["text"]), table)
