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
    return float(_covariance(clicks, checked_scores(scores, len(clicks)))[1][0, 0])


def delong_test(labels: npt.ArrayLike, scores_a: npt.ArrayLike, scores_b: npt.ArrayLike) -> DeLongTest:
    """Test AUC(a) = AUC(b) for two models scored on the same rows: z = (AUC_a − AUC_b) / √(v_aa + v_bb − 2 v_ab).

    Rows are taken as independent: where users own several, see `bootstrap_over_groups`. Sources as `delong_variance`.
    """
    clicks = _two_of_each(labels)
    rows = len(clicks)
    a, b = checked_scores(scores_a, rows, "scores_a"), checked_scores(scores_b, rows, "scores_b")
    (auc_a, auc_b), covariance = _covariance(clicks, a, b)
    difference = auc_a - auc_b
    error = math.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0))
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


def _covariance(clicks: Bools, *scores: Floats) -> tuple[list[float], npt.NDArray[np.float64]]:
    """AUC of each model, and the covariance matrix of those AUCs."""
    placed = np.stack([_placements(clicks, values) for values in scores])
    of_clicks, of_others = placed[:, clicks], placed[:, ~clicks]
    covariance = np.atleast_2d(np.cov(of_clicks)) / of_clicks.shape[1]
    covariance = covariance + np.atleast_2d(np.cov(of_others)) / of_others.shape[1]
    return [float(value) for value in of_clicks.mean(axis=1)], covariance


def _placements(clicks: Bools, scores: Floats) -> npt.NDArray[np.float64]:
    """V10 at the clicks and V01 at the others, (rows,)."""
    blocks = tie_blocks(scores)
    sizes = np.diff(blocks.starts, append=len(clicks))
    positive = blocks.totals(clicks.astype(np.int64))
    negative = sizes - positive
    below = np.cumsum(negative) - negative / 2
    above = positive.sum() - np.cumsum(positive) + positive / 2
    return np.where(clicks, blocks.to_rows(below / negative.sum()), blocks.to_rows(above / positive.sum()))
