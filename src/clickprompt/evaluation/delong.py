"""DeLong's variance of an AUC, and his test of two AUCs on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import Bools, Floats, checked_labels, checked_scores
from clickprompt.evaluation.order import tie_blocks
from clickprompt.settings import ClickPromptError

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal."""


@dataclass(frozen=True)
class DeLongTest:
    """Two AUCs on the same rows, and whether they differ."""

    auc_a: float
    auc_b: float
    difference: float
    """auc_a − auc_b"""
    standard_error: float
    low: float
    """Lower end of the 95 % interval of the difference."""
    high: float
    """Upper end of the 95 % interval of the difference."""
    z: float
    p_value: float
    """Two-sided."""


def delong_variance(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Var(AUC) = Var(V10)/m + Var(V01)/n for m clicks and n non-clicks.

    V10 of a click is the share of non-clicks it beats (ties half), V01 of a non-click the share of clicks that beat it.
    O(rows·log rows). Sources: DeLong et al., Biometrics 1988; Sun & Xu, IEEE Signal Processing Letters 2014.
    """
    clicks = _two_of_each(labels)
    return _variance(_placements(clicks, checked_scores(scores, len(clicks))), clicks)


def delong_test(labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike) -> DeLongTest:
    """Test AUC(a) = AUC(b) for two models scored on the same rows: z = (AUC_a − AUC_b) / √(v_aa + v_bb − 2 v_ab).

    The root holds the variance of what V10 and V01 of the two differ by: taken at once, it loses no digits. Rows are
    taken as independent: where users own several, see `bootstrap_over_groups`. Sources as `delong_variance`.
    """
    clicks = _two_of_each(labels)
    rows = len(clicks)
    a, b = checked_scores(scores_a, rows, "scores_a"), checked_scores(scores_b, rows, "scores_b")
    placed = _placements(clicks, a)
    auc_a = float(placed.mean(where=clicks))
    other = _placements(clicks, b)
    auc_b = float(other.mean(where=clicks))
    difference = auc_a - auc_b
    placed -= other
    error = math.sqrt(_variance(placed, clicks))
    # Without any spread, equal AUCs are equal for sure and unequal ones differ for sure.
    z = difference / error if error else math.copysign(math.inf, difference) if difference else 0.0
    return DeLongTest(
        auc_a=auc_a,
        auc_b=auc_b,
        difference=difference,
        standard_error=error,
        low=difference - Z95 * error,
        high=difference + Z95 * error,
        z=z,
        p_value=math.erfc(abs(z) / math.sqrt(2)),
    )


def _two_of_each(labels: npt.ArrayLike) -> Bools:
    clicks = checked_labels(labels, both_classes=True)
    fewer = min(int(clicks.sum()), int((~clicks).sum()))
    if fewer < 2:
        raise ClickPromptError(f"labels: one class has {fewer} row; DeLong's variance needs two of each, use more rows")
    return clicks


def _variance(placed: npt.NDArray[np.float64], clicks: Bools) -> float:
    """Var(V10)/m + Var(V01)/n."""
    parts = (placed[clicks], placed[~clicks])
    return sum(float(part.var(ddof=1)) / len(part) for part in parts)


def _placements(clicks: Bools, scores: Floats) -> npt.NDArray[np.float64]:
    """V10 at the clicks and V01 at the others, (rows,)."""
    blocks = tie_blocks(scores)
    hits = clicks[blocks.order]
    positive = blocks.before(hits)
    negative = np.append(blocks.starts, len(clicks)) - positive
    below = (negative[:-1] + negative[1:]) / (2 * negative[-1])
    above = 1 - (positive[:-1] + positive[1:]) / (2 * positive[-1])
    return blocks.to_rows(np.where(hits, below[blocks.block], above[blocks.block]))
