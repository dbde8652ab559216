"""How far rounding alone may move a model's probabilities."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from clickprompt.bundle import Bundle, Predictor
from clickprompt.calibration import PlattCalibrator
from clickprompt.export.tables import Int8Table
from clickprompt.logistic import logit

_LEAST = 2.5e-6
"""Of the probability before calibration: a logit of float32 is good to 1e-5."""
_TIMES = 4
"""What another order of summation may do beside what Predictor's own does."""


def rounding_interval(bundle: Bundle, columns: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest probability of each row, float64 (rows,), that a float32 computation of the model may give.

    Around the model in float64, before calibration, as far as `Predictor` in float32 is from it on the worst of these
    rows, four times over; then through the calibrator, which may be steep.
    """
    single = replace(bundle, calibrator=None)
    double = replace(single, method=copy.deepcopy(bundle.method).double())
    exact, near = (Predictor(model).predict(columns).astype(np.float64) for model in (double, single))
    room = max(_LEAST, _TIMES * float(np.abs(near - exact).max(initial=0)))
    curve = bundle.calibrator or PlattCalibrator()
    low, high = (curve.probabilities(logit(np.clip(exact + by, 1e-12, 1 - 1e-12))) for by in (-room, room))
    return low, high


def with_rounded_table(bundle: Bundle, table: Int8Table) -> Bundle:
    """The bundle with the numbers that an int8 table stands for in its table."""
    method = copy.deepcopy(bundle.method)
    assert method.ctr is not None
    rows = method.ctr.embedding.weight
    rows.data = table(torch.arange(len(rows)))
    return replace(bundle, method=method)
