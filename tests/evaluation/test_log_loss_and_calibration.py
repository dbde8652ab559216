"""Log loss against scikit-learn and exact values; calibration against slow loops."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

from clickprompt.evaluation import (
    calibration_ratio,
    expected_calibration_error,
    log_loss,
    log_loss_of_probabilities,
    probabilities_of,
    reliability_curve,
)
from clickprompt.settings import ClickPromptError


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=1003)
    labels = generator.random(1003) < 1 / (1 + np.exp(0.5 - logits))
    return labels, logits, generator.integers(0, 3, 1003).astype(float)


def test_log_loss_equals_scikit_learn(rows):
    labels, logits, weights = rows
    p = 1 / (1 + np.exp(-logits))
    assert log_loss(labels, logits) == pytest.approx(sklearn_log_loss(labels, p), rel=1e-13)
    weighted = sklearn_log_loss(labels, p, sample_weight=weights)
    assert log_loss(labels, logits, weights=weights) == pytest.approx(weighted, rel=1e-13)
    assert log_loss_of_probabilities(labels, p) == pytest.approx(sklearn_log_loss(labels, p), rel=1e-13)
    assert log_loss_of_probabilities(labels, p, weights=weights) == pytest.approx(weighted, rel=1e-13)
    sure = np.array([0.0, 1.0, 0.5]), np.array([1, 0, 1])
    assert log_loss_of_probabilities(sure[1], sure[0]) == pytest.approx(sklearn_log_loss(sure[1], sure[0]), rel=1e-6)


def test_log_loss_of_extreme_logits_keeps_every_digit():
    assert log_loss([1, 0], [-1000.0, 1000.0]) == 1000.0
    assert log_loss([1], [40.0]) == pytest.approx(math.exp(-40), rel=1e-12)
    assert log_loss([0, 1], np.array([3e38, 0], dtype=np.float32)) == pytest.approx(1.5e38, rel=1e-7)
    logits = np.array([1.5, -2.0])
    log_loss([1, 0], logits)
    assert logits.tolist() == [1.5, -2.0]


def test_probabilities_do_not_overflow(rows):
    assert probabilities_of([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(probabilities_of(rows[1]), 1 / (1 + np.exp(-rows[1])), rtol=1e-14)


def slow_calibration_error(labels, p, weights, bins):
    order = np.argsort(p, kind="stable")
    edges = sorted({p[order][k * len(p) // bins] for k in range(bins)})
    total = 0.0
    for low, high in zip(edges, [*edges[1:], math.inf], strict=True):
        inside = [i for i in range(len(p)) if low <= p[i] < high]
        weight = sum(weights[i] for i in inside)
        gap = sum(weights[i] * (p[i] - labels[i]) for i in inside)
        total += abs(gap) if weight else 0.0
    return total / sum(weights)


@pytest.mark.parametrize("bins", [1, 7, 20, 5000])
@pytest.mark.parametrize("levels", [None, 5])
def test_calibration_error_equals_a_slow_loop(rows, bins, levels):
    labels, logits, weights = rows
    p = probabilities_of(logits)
    p = np.round(p * levels) / levels if levels else p
    for chosen in (None, weights):
        expected = slow_calibration_error(labels, p, np.ones(len(p)) if chosen is None else chosen, bins)
        measured = expected_calibration_error(labels, p, bins=bins, weights=chosen)
        assert measured == pytest.approx(expected, abs=1e-13)


def test_calibration_error_does_not_depend_on_row_order(rows):
    labels, logits, _ = rows
    p = np.round(probabilities_of(logits), 1)
    shuffled = np.random.default_rng(1).permutation(len(p))
    measured = expected_calibration_error(labels[shuffled], p[shuffled])
    assert measured == pytest.approx(expected_calibration_error(labels, p), abs=1e-14)


def test_reliability_bins_hold_equal_rows_and_all_of_them(rows):
    labels, logits, _ = rows
    curve = reliability_curve(labels, probabilities_of(logits), bins=10)
    assert curve.weight.sum() == len(labels)
    assert set(curve.weight) <= {100, 101}
    assert (np.diff(curve.predicted) > 0).all()
    assert np.dot(curve.observed, curve.weight) == pytest.approx(labels.sum())


def test_calibration_ratio(rows):
    labels, logits, weights = rows
    p = probabilities_of(logits)
    assert calibration_ratio(labels, p) == pytest.approx(p.sum() / labels.sum(), rel=1e-13)
    expected = (weights * p).sum() / weights[labels].sum()
    assert calibration_ratio(labels, p, weights=weights) == pytest.approx(expected, rel=1e-13)
    assert calibration_ratio(labels, labels.astype(float)) == 1.0


def test_refuses_logits_as_probabilities_and_splits_without_clicks():
    with pytest.raises(ClickPromptError, match=r"row 2: 1\.5; expected 0 to 1"):
        calibration_ratio([1, 0], [0.5, 1.5])
    with pytest.raises(ClickPromptError, match="no click in 2 rows"):
        calibration_ratio([0, 0], [0.5, 0.5])
    with pytest.raises(ClickPromptError, match="bins is 0"):
        expected_calibration_error([0, 1], [0.5, 0.5], bins=0)
    with pytest.raises(ClickPromptError, match="logits, row 1: nan"):
        log_loss([0, 1], [float("nan"), 0.5])
