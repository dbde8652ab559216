"""Down-sampling's shift against its definition, and where it has to lead."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from clickprompt.calibration import sampling_shift, shift_calibrator, shifted


@pytest.mark.parametrize("keep", [0.01, 0.3, 1.0])
def test_the_shift_is_what_bayes_says(keep):
    p = np.linspace(0.001, 0.999, 99)
    kept = p / (p + keep * (1 - p))  # P(click | row kept)
    z = np.log(kept / (1 - kept))
    found = shift_calibrator(sampling_shift(keep)).probabilities(z)
    np.testing.assert_allclose(found, p, rtol=1e-12)
    np.testing.assert_allclose(found, kept / (kept + (1 - kept) / keep), rtol=1e-12)  # as He et al. write it


def test_a_model_of_kept_rows_is_right_on_all_rows_once_shifted():
    random = np.random.default_rng(0)
    x = random.normal(size=(60_000, 2))
    y = random.random(60_000) < 1 / (1 + np.exp(-(x @ [1.0, -0.5] - 2.5)))
    train, test = np.arange(40_000), np.arange(40_000, 60_000)
    train = train[y[train] | (random.random(40_000) < 0.1)]
    z = LogisticRegression(C=1e6).fit(x[train], y[train]).decision_function(x[test])
    ratio = {shift: (1 / (1 + np.exp(-shifted(z, shift)))).sum() / y[test].sum() for shift in (0, sampling_shift(0.1))}
    assert ratio.pop(0) > 3
    assert list(ratio.values()) == [pytest.approx(1, abs=0.05)]
    assert shifted(z, 0.0) is z
