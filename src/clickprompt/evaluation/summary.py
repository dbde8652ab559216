"""All measures of one model on one split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from clickprompt.evaluation.calibration import calibration_ratio, expected_calibration_error
from clickprompt.evaluation.checks import checked_labels, checked_scores
from clickprompt.evaluation.measures import auc, grouped_auc, log_loss
from clickprompt.evaluation.slices import SliceMeasures, measure_slices
from clickprompt.logistic import probabilities_of


@dataclass(frozen=True)
class Measures:
    """How well a model scores a split."""

    rows: int
    positives: int
    auc: float
    log_loss: float
    """Nats a row."""
    grouped_auc: float | None
    """None without groups, or where no group holds both classes."""
    calibration_ratio: float
    """Clicks predicted for each observed."""
    expected_calibration_error: float
    slices: tuple[SliceMeasures, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """As plain numbers, text, lists and dicts, ready for JSON."""
        return {**asdict(self), "slices": [asdict(measured) for measured in self.slices]}


def evaluate_scores(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    slices: Mapping[str, npt.ArrayLike] | None = None,
    calibrated_logits: npt.ArrayLike | None = None,
) -> Measures:
    """Measure logits (rows,) against labels 0 or 1 (rows,).

    `groups` (rows,) own rows (users); `slices` are bool masks (rows,) by name. `weights` (rows,) count in log loss and
    calibration; AUC ranks rows and takes each as one, as its significance tests do. `calibrated_logits` (rows,) take
    the place of the logits in log loss and calibration; AUC keeps to the logits, for isotonic curves make ties.
    Raises ClickPromptError for one class, logits that are not finite, or unequal lengths.
    """
    clicks = checked_labels(labels, both_classes=True)
    z = checked_scores(logits, len(clicks), "logits")
    c = z if calibrated_logits is None else checked_scores(calibrated_logits, len(clicks), "calibrated logits")
    p = probabilities_of(c)
    return Measures(
        rows=len(clicks),
        positives=int(clicks.sum()),
        auc=auc(clicks, z),
        log_loss=log_loss(clicks, c, weights=weights),
        grouped_auc=None if groups is None else grouped_auc(clicks, z, groups),
        calibration_ratio=calibration_ratio(clicks, p, weights=weights),
        expected_calibration_error=expected_calibration_error(clicks, p, weights=weights),
        slices=measure_slices(clicks, z, slices or {}, weights=weights, calibrated_logits=c),
    )
