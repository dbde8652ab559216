"""Random numbers that depend on what they are for, never on when they are drawn.

A number is a hash of (seed, epoch, stream, row, position): splitmix64 (Steele et al., OOPSLA'14), its finalizer chained
over the first four and its sequence read at `position`. Batch size, order and resuming cannot change a draw.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = np.array(0x9E3779B97F4A7C15, np.uint64)


def uniforms(
    seed: int, epoch: int, stream: int, rows: NDArray[np.integer], positions: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1): float64 (rows, positions)."""
    return uniforms_at(seed, epoch, stream, rows[:, None], positions[None, :])


def uniforms_at(
    seed: int, epoch: int, stream: int, rows: NDArray[np.integer], positions: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) at pairs (row, position), which broadcast against each other."""
    key = np.zeros(1, np.uint64)
    for part in (seed, epoch, stream):
        key = _mix(key + _GAMMA * np.array([part % 2**64], np.uint64) + _GAMMA)
    of_row = _mix(key + _GAMMA * rows.astype(np.uint64))
    bits = _mix(of_row + _GAMMA * (positions.astype(np.uint64) + np.array(1, np.uint64)))
    return np.asarray((bits >> np.array(11, np.uint64)) * 2.0**-53, np.float64)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: every input bit flips each output bit about half the time."""
    bits = (bits ^ (bits >> np.array(30, np.uint64))) * np.array(0xBF58476D1CE4E5B9, np.uint64)
    bits = (bits ^ (bits >> np.array(27, np.uint64))) * np.array(0x94D049BB133111EB, np.uint64)
    return bits ^ (bits >> np.array(31, np.uint64))
