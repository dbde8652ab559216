"""Rows in order of score, equal scores together: what every rank measure starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TieBlocks:
    """Rows by ascending key; rows of equal key form a block."""

    order: Ints
    """(rows,) row at each place."""
    starts: Ints
    """(blocks,) first place of each block."""

    def totals(self, values: npt.NDArray) -> npt.NDArray:
        """Sum of a value per row (rows,) over each block (blocks,)."""
        return np.add.reduceat(values[self.order], self.starts)

    def to_rows(self, values: npt.NDArray) -> npt.NDArray:
        """A value per block (blocks,) given back to its rows (rows,)."""
        sizes = np.diff(self.starts, append=len(self.order))
        rows = np.empty(len(self.order), dtype=values.dtype)
        rows[self.order] = np.repeat(values, sizes)
        return rows


def tie_blocks(keys: npt.NDArray) -> TieBlocks:
    """Blocks of equal keys, ascending."""
    order = stable_order(keys)
    return TieBlocks(order, changes(keys[order]))


def changes(*ordered: npt.NDArray) -> Ints:
    """Places where any of some ordered arrays takes a new value, place 0 included."""
    changed = np.zeros(len(ordered[0]), dtype=np.bool_)
    changed[0] = True
    for array in ordered:
        changed[1:] |= array[1:] != array[:-1]
    return np.flatnonzero(changed)


def group_codes(groups: npt.NDArray) -> tuple[npt.NDArray, int]:
    """Groups as 0 … G − 1, in sorted order, and G."""
    blocks = tie_blocks(groups)
    return blocks.to_rows(np.arange(len(blocks.starts), dtype=np.int32)), len(blocks.starts)


def stable_order(keys: npt.NDArray) -> Ints:
    """`argsort(kind="stable")`, several times faster for keys that fit 32 bits.

    Key and row number are packed into one 64-bit integer: sorting plain integers needs no look-ups.
    """
    packed = _key_bits(keys)
    if packed is None or len(keys) >= 2**32:
        return np.argsort(keys, kind="stable")
    packed <<= np.uint64(32)
    packed |= np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    packed &= np.uint64(0xFFFFFFFF)
    return packed.view(np.int64)


def _key_bits(keys: npt.NDArray) -> npt.NDArray[np.uint64] | None:
    """Keys as integers below 2³² in the same order; None where they do not fit."""
    if keys.dtype == np.float32:
        # Adding 0 makes −0 and 0 one key. Flipping the sign bit (all bits below zero) orders floats as integers.
        bits = (np.ascontiguousarray(keys) + np.float32(0)).view(np.uint32)
        negative = bits >> np.uint32(31) != 0
        bits ^= np.where(negative, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
        return bits.astype(np.uint64)
    if np.issubdtype(keys.dtype, np.integer):
        low, high = int(keys.min()), int(keys.max())
        if high - low < 2**32 and high < 2**63:
            return (keys.astype(np.int64) - low).astype(np.uint64)
    return None
