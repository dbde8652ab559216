"""Platt scaling: a straight line through the logits."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field as Setting

from clickprompt.logistic import Floats, probabilities_of
from clickprompt.settings import Settings

_MOST_STEPS = 100


class PlattCalibrator(Settings):
    """p = σ(slope·z + intercept), z the model's logit."""

    kind: Literal["platt"] = "platt"
    slope: float = Setting(default=1.0, gt=0)
    """Below 1 where the model is too sure of itself."""
    intercept: float = 0.0
    """Below 0 where it is too hopeful."""

    def logits(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated logits, float64 (rows,)."""
        return self.slope * np.asarray(logits, dtype=np.float64) + self.intercept

    def probabilities(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated probabilities, float64 (rows,)."""
        return probabilities_of(self.logits(logits))


def smoothed_targets(clicks: Floats, weights: Floats) -> Floats:
    """What Platt puts in place of 1 and 0: (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2), N₊ and N₋ the weights of either class.

    Weights of mean 1. So the fit stays finite where scores part the classes.
    Source: Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.
    """
    positive = float(weights @ clicks)
    negative = float(weights.sum()) - positive
    return np.where(clicks == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))


def fit_line(scores: Floats, targets: Floats, weights: Floats, *, slope: float | None = None) -> tuple[float, float]:
    """Slope and intercept that minimise −Σ w·(t·log p + (1 − t)·log(1 − p)), p = σ(slope·z + intercept).

    Scores (rows,) finite, targets (rows,) in (0, 1), weights (rows,) of 0 or more; with `slope` given, the intercept
    alone is fitted. Scores that are all equal leave the slope 0.
    Newton's method with the step halved until the loss falls (Lin, Lin and Weng, Machine Learning 68, 2007).
    """
    weights = weights / weights.sum()
    center = float(weights @ scores)
    spread = float(np.sqrt(weights @ (scores - center) ** 2))
    offset = np.zeros_like(scores) if slope is None else slope * scores
    columns = [np.ones_like(scores)]
    if slope is None and spread > 0:
        columns.append((scores - center) / spread)  # the two parameters then hardly hang on one another
    design = np.stack(columns, axis=1)
    line = np.zeros(len(columns))
    for _ in range(_MOST_STEPS):
        p = probabilities_of(design @ line + offset)
        gradient = design.T @ (weights * (p - targets))
        curvature = (design * (weights * p * (1 - p))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-14 * np.eye(len(line)), gradient)
        decrement = float(gradient @ step)
        if decrement < 1e-12:  # a last step from here leaves an error of its square
            line = line - step
            break
        before = _loss(design @ line + offset, targets, weights)
        size = 1.0
        while _loss(design @ (line - size * step) + offset, targets, weights) > before - 1e-4 * size * decrement:
            size /= 2
        line = line - size * step
    if slope is not None:
        return slope, float(line[0])
    fitted = float(line[1]) / spread if len(line) > 1 else 0.0
    return fitted, float(line[0]) - fitted * center


def _loss(logits: Floats, targets: Floats, weights: Floats) -> float:
    return float(weights @ (np.logaddexp(0, logits) - targets * logits))
