"""Calibration of a trained model on its validation rows, and what it changed there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clickprompt.calibration import CalibrationKind, Calibrator, fit_calibrator, shift_calibrator, shifted
from clickprompt.contracts import Progress
from clickprompt.evaluation import expected_calibration_error, log_loss, probabilities_of
from clickprompt.workflows.seeds import seed_for

_FOLDS = 5
_FEW_FOR_ISOTONIC = 1_000


@dataclass(frozen=True)
class Calibration:
    """A fitted calibrator and its record."""

    calibrator: Calibrator
    record: dict[str, Any]
    """`asked`, `calibrator`; log loss and expected calibration error on validation rows, before and cross-fitted. Of a
    shift, its size."""


def calibration_of(
    kind: CalibrationKind,
    labels: npt.ArrayLike,
    logits: Callable[[], npt.ArrayLike],
    weights: npt.ArrayLike | None,
    shift: float,
    seed: int,
    model: str,
    progress: Progress,
) -> Calibration | None:
    """What a bundle puts between logit and probability: the calibrator asked for, else the shift, else nothing.

    A calibrator is fitted on validation rows, all of which are kept, so it takes the place of the shift that training
    on a share of the rows without a click calls for. `logits` of validation rows are asked for where one is fitted.
    """
    if kind != "none":
        return calibrate(kind, labels, logits(), weights, seed, model, progress, shift)
    if not shift:
        return None
    progress.say(f"calibrate {model}: logits shifted by {shift:+.4f}, for training rows without a click were left out")
    return Calibration(shift_calibrator(shift), {"asked": kind, "calibrator": "shift", "shift": shift})


def calibrate(
    kind: Literal["platt", "isotonic"],
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    seed: int,
    model: str,
    progress: Progress,
    shift: float = 0.0,
) -> Calibration:
    """Fit on all validation rows and say what such a fit does to log loss on rows that it has not seen.

    `shift`: what these logits would be shifted by without a calibrator; the record's figures before are of that.
    """
    calibrator, note = fit_calibrator(kind, labels, logits, weights)
    before = shifted(np.asarray(logits, dtype=np.float64), shift)
    both = (before, cross_fitted(kind, labels, before, weights, seed))
    losses = [log_loss(labels, z, weights=weights) for z in both]
    errors = [expected_calibration_error(labels, probabilities_of(z), weights=weights) for z in both]
    if note is not None:
        progress.say(f"calibrate {model}: {note}")
    elif kind == "isotonic" and len(both[0]) < _FEW_FOR_ISOTONIC:
        progress.say(
            f"calibrate {model}: {len(both[0]):,} validation rows are few for isotonic, which follows their noise "
            f"below {_FEW_FOR_ISOTONIC:,}; platt needs fewer"
        )
    progress.say(
        f"calibrate {model}: {kind}, validation log loss {losses[0]:.4f} → {losses[1]:.4f}, "
        f"calibration error {errors[0]:.4f} → {errors[1]:.4f} (cross-fitted)"
    )
    record = {
        "asked": kind,
        "calibrator": calibrator.kind,
        "log_loss_before": losses[0],
        "log_loss_cross_fitted": losses[1],
        "expected_calibration_error_before": errors[0],
        "expected_calibration_error_cross_fitted": errors[1],
    }
    return Calibration(calibrator, record)


def cross_fitted(
    kind: Literal["platt", "isotonic"],
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Each row's logit (rows,) by a calibrator fitted on four fifths of the rows without it, drawn by the seed alone.

    A logit stays as it is where all other rows have weight 0.
    """
    y, z = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    fold = np.random.default_rng(seed_for(seed, "calibration folds")).permutation(len(y)) % _FOLDS
    fitted = z.copy()
    for number in range(_FOLDS):
        held, rest = fold == number, fold != number
        if w[rest].any():
            fitted[held] = fit_calibrator(kind, y[rest], z[rest], w[rest]).calibrator.logits(z[held])
    return fitted
