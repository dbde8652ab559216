"""Today's rows without a click, down-sampled as those were that the bundle was trained on.

A model that learned from a share of them has logits of such rows. Were it to learn from all of today's, these logits
would move, and the shift that its bundle scores with would be wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clickprompt.table import FreshRows
from clickprompt.table.config import NegativesConfig

_STREAM = 2
"""Draws of the rows to keep, apart from those of the shuffle and the sample."""


def kept_rows(labels: np.ndarray, rows: np.ndarray, keep: float, seed: int, number: int) -> np.ndarray:
    """Of these rows (int64), in their order, all with a click, and of the others a share `keep`, to the nearest row.

    One of the others stays where there is any. Drawn by the seed and the update's number.
    """
    others = np.flatnonzero(labels[rows] == 0)
    count = max(round(len(others) * keep), min(len(others), 1))
    left_out = np.random.default_rng([seed, _STREAM, number]).permutation(others)[count:]
    return np.delete(rows, left_out)


def thinned(
    rows: FreshRows, train: np.ndarray, negatives: NegativesConfig, seed: int, number: int
) -> tuple[FreshRows, np.ndarray]:
    """The rows, and which of those in `train` are learned from; under `weight` the others weigh 1/keep times as much.

    The weights of rows outside `train` stay as they are.
    """
    if negatives.keep == 1:
        return rows, train
    kept = kept_rows(rows.labels, train, negatives.keep, seed, number)
    if negatives.correction == "logit":
        return rows, kept
    weights = np.ones(len(rows.labels), np.float32) if rows.weights is None else rows.weights.astype(np.float32)
    weights[kept[rows.labels[kept] == 0]] /= negatives.keep
    return replace(rows, weights=weights), kept


def negatives_record(negatives: NegativesConfig, dropped: int) -> dict[str, Any]:
    """What an update's record says of it; nothing where all rows are kept."""
    if negatives.keep == 1:
        return {}
    return {"negatives": {**negatives.model_dump(mode="json"), "dropped": dropped}}
