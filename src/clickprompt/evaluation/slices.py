"""Measures on parts of a split: cold and warm rows, the long tail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import Bools, checked_labels, checked_mask, checked_scores, checked_weights
from clickprompt.evaluation.measures import auc, log_loss
from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class SliceMeasures:
    """How well one slice is scored."""

    name: str
    rows: int
    positives: int
    auc: float | None
    """None where the slice holds one class."""
    log_loss: float | None
    """None where the slice holds no row."""


def measure_slices(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    slices: Mapping[str, npt.ArrayLike],
    *,
    weights: npt.ArrayLike | None = None,
    calibrated_logits: npt.ArrayLike | None = None,
) -> tuple[SliceMeasures, ...]:
    """AUC and weighted log loss on each named slice, a bool mask (rows,); slices may overlap.

    Log loss is that of `calibrated_logits` (rows,) where given; AUC never.

    Raises ClickPromptError where a mask is not one bool a row.
    """
    clicks = checked_labels(labels)
    z = checked_scores(logits, len(clicks), "logits")
    c = z if calibrated_logits is None else checked_scores(calibrated_logits, len(clicks), "calibrated logits")
    w = None if weights is None else checked_weights(weights, len(clicks))
    return tuple(
        _measure(name, checked_mask(mask, len(clicks), name), clicks, z, c, w) for name, mask in slices.items()
    )


def _measure(
    name: str,
    mask: Bools,
    clicks: Bools,
    logits: npt.NDArray,
    calibrated: npt.NDArray,
    weights: npt.NDArray[np.float64] | None,
) -> SliceMeasures:
    y, z, w = clicks[mask], logits[mask], None if weights is None else weights[mask]
    weighed = len(y) if w is None else w.any()  # rows of weight 0 alone have no loss
    return SliceMeasures(
        name=name,
        rows=len(y),
        positives=int(y.sum()),
        auc=auc(y, z) if y.any() and not y.all() else None,
        log_loss=log_loss(y, calibrated[mask], weights=w) if weighed else None,
    )


def cold_and_warm(name: str, train_counts: npt.ArrayLike) -> dict[str, Bools]:
    """Rows whose value (a user, an item) no training row holds, and the others.

    `train_counts` (rows,): training rows that hold the row's own value.
    """
    counts = np.asarray(train_counts)
    return {f"cold {name}": counts == 0, f"warm {name}": counts > 0}


def tail_limit(value_counts: npt.ArrayLike, tail_share: float = 0.2) -> int:
    """Largest training count that still belongs to the long tail.

    Values are ordered by how many training rows hold them (`value_counts`, one entry a value); the tail is the least
    frequent whose rows make up the last `tail_share` of all. Values of equal count stay together, so the cut is the one
    nearest to `tail_share`; 0 means that only values unseen in training are in the tail.
    """
    if not 0 <= tail_share <= 1:
        raise ClickPromptError(f"tail_share is {tail_share}; expected a share from 0 to 1")
    counts = np.asarray(value_counts, dtype=np.int64)
    levels, values = np.unique(counts[counts > 0], return_counts=True)
    levels = np.concatenate([[0], levels])
    rows = np.cumsum(np.concatenate([[0], values]) * levels)
    return int(levels[np.abs(rows - tail_share * rows[-1]).argmin()])


def long_tail(
    user_counts: npt.ArrayLike, item_counts: npt.ArrayLike, *, user_limit: int, item_limit: int
) -> dict[str, Bools]:
    """The four cells of table 6 of ClickPrompt (arXiv 2310.09234): tail and head users by tail and head items.

    Counts (rows,) are the training rows that hold the row's own user and item; limits come from `tail_limit`.
    """
    user = np.asarray(user_counts) <= user_limit
    item = np.asarray(item_counts) <= item_limit
    return {
        "tail users, tail items": user & item,
        "head users, tail items": ~user & item,
        "tail users, head items": user & ~item,
        "head users, head items": ~user & ~item,
    }
