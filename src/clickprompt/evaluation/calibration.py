"""Whether a probability of 0.2 clicks once in five."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clickprompt.evaluation.checks import checked_labels, checked_probabilities, checked_weights
from clickprompt.settings import ClickPromptError


class ReliabilityCurve(NamedTuple):
    """Bins of near-equal row counts, by ascending probability; float64 (bins,) each."""

    predicted: npt.NDArray[np.float64]
    """Mean probability in the bin."""
    observed: npt.NDArray[np.float64]
    """Share of clicks in the bin."""
    weight: npt.NDArray[np.float64]
    """Rows in the bin, or the sum of their sample weights."""


def calibration_ratio(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> float:
    """Σ p / Σ y: clicks predicted for each click observed; 1 is right, above 1 too hopeful.

    Raises ClickPromptError where no click was observed.
    """
    clicks = checked_labels(labels)
    p = checked_probabilities(probabilities, len(clicks))
    w = np.ones(len(clicks)) if weights is None else checked_weights(weights, len(clicks))
    observed = float(np.dot(w, clicks))
    if not observed:
        raise ClickPromptError(f"labels: no click in {len(clicks):,} rows; calibration needs one, choose another split")
    return float(np.dot(w, p)) / observed


def reliability_curve(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = 20, weights: npt.ArrayLike | None = None
) -> ReliabilityCurve:
    """Predicted against observed click rates in at most `bins` bins of near-equal row counts.

    Equal probabilities always share a bin, so the order of rows changes nothing; bins without weight are left out.
    """
    clicks = checked_labels(labels)
    p = checked_probabilities(probabilities, len(clicks))
    if bins < 1:
        raise ClickPromptError(f"bins is {bins}; expected 1 or more")
    edges = np.unique(np.sort(p)[np.arange(bins) * len(p) // bins])
    bin_of_row = np.searchsorted(edges, p, "right") - 1
    w = np.ones(len(p)) if weights is None else checked_weights(weights, len(p))
    weight = np.bincount(bin_of_row, w).astype(np.float64)
    predicted = np.bincount(bin_of_row, w * p)
    observed = np.bincount(bin_of_row, w * clicks)
    filled = weight > 0
    return ReliabilityCurve(predicted[filled] / weight[filled], observed[filled] / weight[filled], weight[filled])


def expected_calibration_error(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = 20, weights: npt.ArrayLike | None = None
) -> float:
    """Σ_b (w_b / Σ w)·|mean probability − share of clicks| over the bins of `reliability_curve`; 0 is best.

    Source: Naeini et al., AAAI'15, with equal-frequency bins: click probabilities crowd near 0.
    """
    curve = reliability_curve(labels, probabilities, bins=bins, weights=weights)
    return float(np.average(np.abs(curve.predicted - curve.observed), weights=curve.weight))
