"""Isotonic regression: any rising curve from logits to probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field as Setting
from pydantic import model_validator

from clickprompt.logistic import Floats, logit
from clickprompt.settings import Settings

_ROUNDING = 1e-9
"""Sums of weights end so near to 0 and 1 where a block holds one class."""


class IsotonicCalibrator(Settings):
    """p is linear between points (threshold, value) of the logit z, and constant outside them."""

    kind: Literal["isotonic"] = "isotonic"
    thresholds: tuple[float, ...] = Setting(min_length=2)
    """Logits, ascending."""
    values: tuple[float, ...] = Setting(min_length=2)
    """Probability at each threshold, never falling, inside (0, 1)."""

    @model_validator(mode="after")
    def _is_a_rising_curve(self) -> IsotonicCalibrator:
        x, y = self._curve
        if len(x) != len(y):
            raise ValueError(f"{len(x)} thresholds but {len(y)} values")
        if (np.diff(x) <= 0).any() or (np.diff(y) < 0).any():
            raise ValueError("thresholds must rise and values must not fall")
        if y[0] <= 0 or y[-1] >= 1:
            raise ValueError("values must lie inside (0, 1)")
        return self

    @property
    def _curve(self) -> tuple[Floats, Floats]:
        return np.array(self.thresholds, dtype=np.float64), np.array(self.values, dtype=np.float64)

    def probabilities(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated probabilities, float64 (rows,)."""
        return np.interp(np.asarray(logits, dtype=np.float64), *self._curve)

    def logits(self, logits: npt.ArrayLike) -> Floats:
        """Calibrated logits, float64 (rows,)."""
        return logit(self.probabilities(logits))


def fit_curve(logits: Floats, clicks: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The rising curve nearest to the clicks in weighted squares, as thresholds and values; values stay off 0 and 1.

    Logits, clicks 0 or 1, weights above 0 of mean 1, float64 (rows,) each. A block of n rows without a click (without
    a non-click) at the end gets ½/(n + 1) (1 − ½/(n + 1)), half an observation of the other kind, but never passes
    the block beside it. So the log loss of a surprise stays finite. A single threshold where all logits are equal.
    Source: Zadrozny and Elkan, KDD'02; pool adjacent violators by scikit-learn.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(increasing=True, out_of_bounds="clip").fit(logits, clicks, weights)
    thresholds = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    values = np.asarray(fitted.y_thresholds_, dtype=np.float64)
    never, always = values < _ROUNDING, values > 1 - _ROUNDING
    inside = values[~(never | always)]
    if never.any():
        rows = float(weights[logits <= thresholds[never][-1]].sum())
        values = np.where(never, min([0.5 / (rows + 1), *inside[:1]]), values)
    if always.any():
        rows = float(weights[logits >= thresholds[always][0]].sum())
        values = np.where(always, max([1 - 0.5 / (rows + 1), *inside[-1:]]), values)
    return thresholds, values
