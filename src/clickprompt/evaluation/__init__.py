"""Measures, curves, significance and slices of scored rows."""

from clickprompt.evaluation.bootstrap import BootstrapTest, bootstrap_over_groups, bootstrap_over_rows
from clickprompt.evaluation.calibration import (
    ReliabilityCurve,
    calibration_ratio,
    expected_calibration_error,
    reliability_curve,
)
from clickprompt.evaluation.curves import ROCCurve, roc_curve
from clickprompt.evaluation.delong import DeLongTest, delong_test, delong_variance
from clickprompt.evaluation.holm import holm_adjusted
from clickprompt.evaluation.measures import auc, grouped_auc, log_loss, log_loss_of_probabilities
from clickprompt.evaluation.paired import PairedTest, paired_t_test, smallest_detectable_effect
from clickprompt.evaluation.slices import SliceMeasures, cold_and_warm, long_tail, measure_slices, tail_limit
from clickprompt.evaluation.summary import Measures, evaluate_scores
from clickprompt.evaluation.welch import WelchTest, welch_test
from clickprompt.logistic import probabilities_of

__all__ = [
    "BootstrapTest",
    "DeLongTest",
    "Measures",
    "PairedTest",
    "ROCCurve",
    "ReliabilityCurve",
    "SliceMeasures",
    "WelchTest",
    "auc",
    "bootstrap_over_groups",
    "bootstrap_over_rows",
    "calibration_ratio",
    "cold_and_warm",
    "delong_test",
    "delong_variance",
    "evaluate_scores",
    "expected_calibration_error",
    "grouped_auc",
    "holm_adjusted",
    "log_loss",
    "log_loss_of_probabilities",
    "long_tail",
    "measure_slices",
    "paired_t_test",
    "probabilities_of",
    "reliability_curve",
    "roc_curve",
    "smallest_detectable_effect",
    "tail_limit",
    "welch_test",
]
