"""Validation and test rows that equal a training row in every field."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clickprompt.contracts import SplitName
from clickprompt.table.scratch import blocks


def overlap(hashes: Mapping[SplitName, np.ndarray]) -> dict[SplitName, float]:
    """Share of the rows of each split but train whose hash, uint64 (rows,), a training row has."""
    others: dict[SplitName, np.ndarray] = {name: np.sort(of) for name, of in hashes.items() if name != "train"}
    found = {name: np.zeros(len(of), dtype=bool) for name, of in others.items()}
    for some in blocks(hashes["train"]):
        trained = np.sort(some)
        for name, of in others.items():
            found[name] |= trained[np.minimum(np.searchsorted(trained, of), len(trained) - 1)] == of
    return {name: round(float(found[name].mean()), 6) for name in others}


def value_hashes(rows: np.ndarray) -> np.ndarray:
    """uint64 (rows,) of value indices (rows, fields): equal for equal rows, and hardly ever for others."""
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        hashes ^= column.astype(np.uint64)
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes
