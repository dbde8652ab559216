"""Fitting a calibrator on validation rows."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field as Setting

from clickprompt.calibration.isotonic import IsotonicCalibrator, fit_curve
from clickprompt.calibration.platt import PlattCalibrator, fit_line, smoothed_targets
from clickprompt.logistic import Floats

CalibrationKind = Literal["none", "platt", "isotonic"]
Calibrator = PlattCalibrator | IsotonicCalibrator
AnyCalibrator = Annotated[Calibrator, Setting(discriminator="kind")]

_LEAST_RISE = 1e-9
"""Of a curve between the lowest and the highest score; less is rounding."""


class Fitted(NamedTuple):
    """A calibrator, and what the user should hear of it."""

    calibrator: Calibrator
    note: str | None
    """One line where the rows could not bear what was asked for."""


def fit_calibrator(
    kind: Literal["platt", "isotonic"],
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Fitted:
    """Fit on labels 0 or 1 (rows,), finite logits (rows,) and sample weights (rows,), of which only proportions count.

    Where the logits rank clicks no higher than other rows, neither curve would keep their order; the logits are then
    only shifted, so that as many clicks are predicted as were observed, and `note` says so.
    """
    y, z = np.asarray(labels, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    counted = w > 0
    y, z, w = y[counted], z[counted], w[counted] / w[counted].mean()
    calibrator = _platt(y, z, w) if kind == "platt" else _isotonic(y, z, w)
    if calibrator is not None:
        return Fitted(calibrator, None)
    _, intercept = fit_line(z, smoothed_targets(y, w), w, slope=1.0)
    note = f"the validation logits do not rank clicks above other rows, so {kind} only shifts them by {intercept:+.4f}"
    return Fitted(PlattCalibrator(intercept=intercept), note)


def _platt(y: Floats, z: Floats, w: Floats) -> PlattCalibrator | None:
    slope, intercept = fit_line(z, smoothed_targets(y, w), w)
    rises = slope * (z.max() - z.min()) > _LEAST_RISE
    return PlattCalibrator(slope=slope, intercept=intercept) if rises else None


def _isotonic(y: Floats, z: Floats, w: Floats) -> IsotonicCalibrator | None:
    thresholds, values = fit_curve(z, y, w)
    if values[-1] - values[0] < _LEAST_RISE:
        return None
    return IsotonicCalibrator(thresholds=tuple(thresholds.tolist()), values=tuple(values.tolist()))
