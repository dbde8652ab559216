"""Texts and their embedding rows as a hash table on disk, read by memory map: no Python object a key."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import mmh3
import numpy as np
import pyarrow as pa

from clickprompt.contracts import TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.storage import clear_disk_errors

VALUE_INDEX_FILE = "value_index.npy"

_EMPTY = -1
_ROW_BITS = 31
"""Of an embedding row, which int32 can number."""
_HASHED_AT_ONCE = 1 << 16
"""Texts that are Python objects at the same time while an index is built."""


class ValueIndex:
    """Embedding row of a field's text.

    Open addressing with linear probing. A key's home is slot MurmurHash3(UTF-8 bytes, seed = place of the field) mod H,
    H the least power of two of at least twice the keys. It stands there or behind, with no empty slot between; a tail
    behind the last home takes what would wrap around. A slot holds an embedding row, and the key itself is the
    vocabulary's text of that row, compared byte by byte. Equal texts of two fields are two keys, so a hit must lie
    among the field's own rows.

    `slots`: int32 (H + tail,), embedding rows, −1 where empty; the last is empty, so that every probe ends.
    `texts`: (V,), text of each embedding row. `offsets`: (fields + 1,), field f owns rows offsets[f] : offsets[f + 1].
    """

    def __init__(self, slots: np.ndarray, texts: pa.Array, offsets: np.ndarray) -> None:
        self.slots = slots
        homes = 1 << ((len(slots) - 1).bit_length() - 1)
        texts = texts.cast(pa.large_string())
        _, ends, letters = texts.buffers()
        # Python reads single numbers from a memoryview much faster than from an array.
        self._mask = homes - 1
        self._slots = slots.data
        self._ends = memoryview(ends or bytes(8)).cast("B").cast("q")[texts.offset :]
        self._letters = memoryview(letters or b"").cast("B")
        self._offsets: list[int] = offsets.tolist()

    @classmethod
    def build(cls, texts: pa.Array, offsets: np.ndarray, schema: TableSchema) -> ValueIndex:
        """Index the fields that are looked up by text: neither numeric nor hashed ones.

        Keys in order of their homes stand at position_i = max_{j ≤ i}(home_j − j) + i.
        """
        rows, hashes = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]
        for place, field in enumerate(schema.fields):
            if field.kind != "numeric" and field.hash_rows is None:
                start, stop = int(offsets[place]), int(offsets[place + 1])
                rows.append(np.arange(start, stop))
                hashes += _hashes(texts.slice(start, stop - start), place)
        row = np.concatenate(rows)
        homes = 1 << max(1, 2 * len(row) - 1).bit_length()
        keys = (np.concatenate(hashes) & np.uint32(homes - 1)).astype(np.int64) << _ROW_BITS | row
        keys.sort()  # numbers alone sort ten times faster than their order is found
        each = np.arange(len(keys))
        position = np.maximum.accumulate((keys >> _ROW_BITS) - each) + each
        slots = np.full(max([homes, *(position[-1:] + 1)]) + 1, _EMPTY, np.int32)
        slots[position] = keys & ((1 << _ROW_BITS) - 1)
        return cls(slots, texts, offsets)

    def save(self, folder: Path) -> None:
        """Write `value_index.npy` into a folder; the texts are the vocabulary's."""
        with clear_disk_errors(folder):
            np.save(folder / VALUE_INDEX_FILE, self.slots)

    @classmethod
    def open(cls, folder: Path, texts: pa.Array, offsets: np.ndarray) -> ValueIndex | None:
        """Map what `save` wrote into memory; None where there is none. Raises ClickPromptError where it is damaged."""
        path = folder / VALUE_INDEX_FILE
        if not path.exists():
            return None
        with clear_disk_errors(path):
            try:
                slots = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError):
                slots = np.empty(0)
        if slots.dtype != np.int32 or slots.ndim != 1 or len(slots) < 3 or slots[-1] != _EMPTY:
            raise ClickPromptError(f"{path}: damaged, it is no longer an index of values; make {folder} again")
        return cls(slots, texts, offsets)

    def find(self, place: int, text: str) -> int | None:
        """Embedding row of a text of the field at `place`, None where it owns none."""
        key = text.encode()
        slot = mmh3.hash(key, place, False) & self._mask
        row = self._slots[slot]
        first, last = self._offsets[place], self._offsets[place + 1]
        while row != _EMPTY:
            if first <= row < last and self._letters[self._ends[row] : self._ends[row + 1]] == key:
                return row
            slot += 1
            row = self._slots[slot]
        return None


def _hashes(texts: pa.Array, place: int) -> list[np.ndarray]:
    """uint32: the hash of each text, piece by piece."""
    pieces = [texts.slice(start, _HASHED_AT_ONCE) for start in range(0, len(texts), _HASHED_AT_ONCE)]
    return [
        np.fromiter(map(mmh3.hash, piece.to_pylist(), repeat(place), repeat(False)), np.uint32, len(piece))
        for piece in pieces
    ]
