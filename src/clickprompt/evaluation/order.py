"""Rows in order of score, equal scores together: what every rank measure starts from."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import Bools

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_HALF = np.uint64(32)
_UPPER = int(sys.byteorder == "little")
_ROW = np.uint64(2**32 - 1)


@dataclass(frozen=True)
class TieBlocks:
    """Rows by ascending key; rows of equal key form a block."""

    order: Ints
    """(rows,) row at each place."""
    starts: Ints
    """(blocks,) first place of each block."""

    @cached_property
    def block(self) -> Ints:
        """(rows,) block of each place."""
        first = np.zeros(len(self.order), dtype=np.int8)
        first[self.starts[1:]] = 1
        return np.cumsum(first, dtype=np.int64)

    def before(self, ordered: Bools) -> Ints:
        """Marked places before each block, and before the end: (blocks + 1,), from marks (rows,) in order."""
        return np.append(running(ordered)[self.starts], np.count_nonzero(ordered))

    def to_rows(self, places: npt.NDArray) -> npt.NDArray:
        """A value at each place (rows,) given to the row that stands there (rows,)."""
        rows = np.empty_like(places)
        rows[self.order] = places
        return rows


def running(marked: Bools) -> Ints:
    """Marked places before each place, (rows,)."""
    # NumPy sums bytes thirty times as fast as truth values.
    passed = np.cumsum(marked.view(np.int8), dtype=np.int64)
    passed -= marked
    return passed


def tie_blocks(keys: npt.NDArray) -> TieBlocks:
    """Blocks of equal keys, ascending; rows of a block in their own order."""
    bits = key_bits(keys)
    if bits is None or len(keys) >= 2**32:
        order = stable_order(keys)
        return TieBlocks(order, changes(keys[order]))
    packed = _sorted_with_rows(bits)
    starts = changes(packed.view(np.uint32)[_UPPER::2])
    packed &= _ROW
    return TieBlocks(packed.view(np.int64), starts)


def changes(ordered: npt.NDArray) -> Ints:
    """Places where an ordered array takes a new value, place 0 included."""
    changed = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=changed[1:])
    return np.flatnonzero(changed)


def group_codes(groups: npt.NDArray) -> tuple[npt.NDArray[np.int32], int]:
    """Groups as 0 … G − 1, in sorted order, and G."""
    if np.issubdtype(groups.dtype, np.integer):
        low, high = int(groups.min()), int(groups.max())
        if high - low < 2 * len(groups) and high < 2**63:  # such as value indices: a table takes no sorting
            places = groups.astype(np.int64) - low
            held = np.zeros(high - low + 1, dtype=np.bool_)
            held[places] = True
            return running(held).astype(np.int32)[places], int(np.count_nonzero(held))
    blocks = tie_blocks(groups)
    return blocks.to_rows(blocks.block.astype(np.int32)), len(blocks.starts)


def ranks(keys: npt.NDArray) -> npt.NDArray[np.uint32]:
    """Integers (rows,) in the same order as the keys, equal where those are equal."""
    bits = key_bits(keys)
    if bits is not None:
        return bits
    blocks = tie_blocks(keys)
    return blocks.to_rows(blocks.block.astype(np.uint32))


def stable_order(keys: npt.NDArray) -> Ints:
    """`argsort(kind="stable")`, several times faster for numbers.

    Key and row number are packed into one 64-bit integer: sorting plain integers needs no look-ups. Keys of 64 bits are
    sorted by their lower half, then by their upper.
    """
    if len(keys) >= 2**32:
        return np.argsort(keys, kind="stable")
    bits = key_bits(keys)
    if bits is None and keys.dtype == np.float64:
        whole = _ordered_bits(keys)
        order = stable_order(whole & _ROW)
        return order[stable_order((whole >> _HALF)[order])]
    if bits is None:
        return np.argsort(keys, kind="stable")
    packed = _sorted_with_rows(bits)
    packed &= _ROW
    return packed.view(np.int64)


def key_bits(keys: npt.NDArray) -> npt.NDArray[np.uint32] | None:
    """Keys as 32-bit integers in the same order; None where they do not fit."""
    if keys.dtype == np.float32:
        return _ordered_bits(keys)
    if np.issubdtype(keys.dtype, np.integer):
        low, high = int(keys.min()), int(keys.max())
        if high - low < 2**32 and high < 2**63:
            return (keys.astype(np.int64) - low).astype(np.uint32)
    return None


def _ordered_bits(keys: npt.NDArray) -> npt.NDArray:
    """Floats as unsigned integers of their width in the same order: all bits of negatives flip, of others the sign."""
    signed, unsigned = (np.int32, np.uint32) if keys.dtype == np.float32 else (np.int64, np.uint64)
    bits = np.add(keys, keys.dtype.type(0), order="C").view(signed)  # adding 0 makes −0 and 0 one key
    bits ^= (bits >> (8 * bits.itemsize - 1)) | np.iinfo(signed).min
    return bits.view(unsigned)


def _sorted_with_rows(bits: npt.NDArray[np.uint32]) -> Words:
    """(rows,) ascending: the key in the upper half, its row in the lower."""
    packed: Words = bits.astype(np.uint64)
    packed <<= _HALF
    packed |= np.arange(len(bits), dtype=np.uint32)
    packed.sort()
    return packed
