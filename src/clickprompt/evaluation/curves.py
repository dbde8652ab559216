"""The ROC curve, thinned to what a plot can show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import checked_labels, checked_scores
from clickprompt.evaluation.order import tie_blocks


class ROCCurve(NamedTuple):
    """Points from (0, 0) to (1, 1); float64 (points,) each."""

    false_positive_rate: npt.NDArray[np.float64]
    true_positive_rate: npt.NDArray[np.float64]


def roc_curve(labels: npt.ArrayLike, scores: npt.ArrayLike, *, points: int = 500) -> ROCCurve:
    """Share of clicks against share of non-clicks above each threshold; at most `points` (2 or more), all on the exact
    curve.

    Those kept lie evenly in (false + true positive rate). Raises ClickPromptError as `auc` does.
    """
    clicks = checked_labels(labels, both_classes=True)
    blocks = tie_blocks(checked_scores(scores, len(clicks)))
    sizes = np.diff(blocks.starts, append=len(clicks))
    hits = np.diff(blocks.before(clicks[blocks.order]))
    true = np.concatenate([[0], np.cumsum(hits[::-1])]) / hits.sum()
    false = np.concatenate([[0], np.cumsum((sizes - hits)[::-1])]) / (sizes - hits).sum()
    if len(true) > points:
        kept = np.searchsorted(false + true, np.linspace(0, 2, points)[1:-1])
        kept = np.unique(np.concatenate([[0], kept, [len(true) - 1]]))
        true, false = true[kept], false[kept]
    return ROCCurve(false, true)
