"""Calibration of a trained model on its validation rows, and what it changed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clickprompt.calibration import Calibrator, fit_calibrator
from clickprompt.contracts import Progress
from clickprompt.evaluation import expected_calibration_error, log_loss, probabilities_of


@dataclass(frozen=True)
class Calibration:
    """A fitted calibrator and its record."""

    calibrator: Calibrator
    record: dict[str, Any]
    """`asked`, `calibrator`, and log loss and expected calibration error on the rows it was fitted on."""


def calibrate(
    kind: Literal["platt", "isotonic"],
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    model: str,
    progress: Progress,
) -> Calibration:
    """Fit on validation rows and say what it did to their log loss; fitted there, it flatters itself a little."""
    calibrator, note = fit_calibrator(kind, labels, logits, weights)
    both = (np.asarray(logits, dtype=np.float64), calibrator.logits(logits))
    losses = [log_loss(labels, z, weights=weights) for z in both]
    errors = [expected_calibration_error(labels, probabilities_of(z), weights=weights) for z in both]
    if note is not None:
        progress.say(f"calibrate {model}: {note}")
    progress.say(
        f"calibrate {model}: {kind}, validation log loss {losses[0]:.4f} → {losses[1]:.4f}, "
        f"calibration error {errors[0]:.4f} → {errors[1]:.4f}"
    )
    record = {
        "asked": kind,
        "calibrator": calibrator.kind,
        "log_loss_before": losses[0],
        "log_loss_after": losses[1],
        "expected_calibration_error_before": errors[0],
        "expected_calibration_error_after": errors[1],
    }
    return Calibration(calibrator, record)
