"""Calibrators against scipy's minimiser, a quadratic-time pooling of violators, and plain facts."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from clickprompt.calibration import (
    IsotonicCalibrator,
    PlattCalibrator,
    fit_calibrator,
    read_calibrator,
    write_calibrator,
)
from clickprompt.settings import ClickPromptError

KINDS = ("platt", "isotonic")


def clicks_of(z, slope=0.4, intercept=-1.0, seed=1):
    """Labels of a model whose logits are too sure and too hopeful."""
    return (np.random.default_rng(seed).random(len(z)) < 1 / (1 + np.exp(-(slope * z + intercept)))).astype(np.float32)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    z = random.normal(0, 2, 4000).astype(np.float32)
    return clicks_of(z), z, random.choice([0.0, 0.5, 1.0, 3.0], 4000)


def loss(p, y, w):
    return -np.average(y * np.log(p) + (1 - y) * np.log(1 - p), weights=w)


def test_platt_is_the_minimum_that_scipy_finds(rows):
    y, z, w = rows
    w = w / w[w > 0].mean()
    positive, negative = w[y == 1].sum(), w[y == 0].sum()
    t = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def objective(line):
        p = 1 / (1 + np.exp(-(line[0] * z.astype(np.float64) + line[1])))
        return -(w * (t * np.log(p) + (1 - t) * np.log(1 - p))).sum()

    found = minimize(objective, [1.0, 0.0], method="BFGS", options={"gtol": 1e-5})
    fitted = fit_calibrator("platt", y, z, rows[2]).calibrator
    np.testing.assert_allclose([fitted.slope, fitted.intercept], found.x, atol=1e-6)
    assert fitted.slope == pytest.approx(0.4, abs=0.05)
    assert fitted.intercept == pytest.approx(-1.0, abs=0.1)


def pooled(z, y, w):
    """Weighted means of blocks, merged while they fall: the value at each row, rows in the order of z."""
    blocks = []
    for score in np.unique(z):
        at = z == score
        blocks.append([float(w[at] @ y[at]), float(w[at].sum()), [score]])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            clicks, weight, scores = blocks.pop()
            blocks[-1] = [blocks[-1][0] + clicks, blocks[-1][1] + weight, blocks[-1][2] + scores]
    return blocks


def test_isotonic_is_pool_adjacent_violators(rows):
    y, z, w = (column[:400] for column in rows)
    z = np.round(z, 1)  # ties
    calibrator = fit_calibrator("isotonic", y, z, w).calibrator
    kept = w > 0
    weights = w[kept] / w[kept].mean()
    blocks = pooled(z[kept].astype(np.float64), y[kept].astype(np.float64), weights)
    assert len(blocks) > 5
    inner = [clicks / weight for clicks, weight, _ in blocks if 0 < clicks < weight * (1 - 1e-12)]
    for clicks, weight, scores in blocks:
        if clicks == 0:
            expected = min(0.5 / (weight + 1), inner[0])
        elif clicks >= weight * (1 - 1e-12):
            expected = max(1 - 0.5 / (weight + 1), inner[-1])
        else:
            expected = clicks / weight
        np.testing.assert_allclose(calibrator.probabilities(scores), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_new_rows_are_told_the_truth(rows, kind):
    y, z, w = rows
    fitted = fit_calibrator(kind, y, z, w)
    assert fitted.note is None
    new = np.random.default_rng(7).normal(0, 2, 20_000)
    truth = 1 / (1 + np.exp(-(0.4 * new - 1)))
    raw = 1 / (1 + np.exp(-new))
    p = fitted.calibrator.probabilities(new)
    assert np.abs(p - truth).mean() < 0.03 < 0.2 < np.abs(raw - truth).mean()
    np.testing.assert_allclose(fitted.calibrator.logits(new), np.log(p / (1 - p)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_repeated_rows_and_their_scale_is_nothing(rows, kind):
    y, z, _ = (column[:300] for column in rows)
    w = np.random.default_rng(3).integers(0, 4, 300)
    grid = np.linspace(-2, 2, 101)
    weighted = fit_calibrator(kind, y, z, w).calibrator.probabilities(grid)
    scaled = fit_calibrator(kind, y, z, 1e6 * w).calibrator.probabilities(grid)
    np.testing.assert_allclose(scaled, weighted, rtol=1e-9)
    repeated = fit_calibrator(kind, np.repeat(y, w), np.repeat(z, w)).calibrator.probabilities(grid)
    # smoothing counts rows, of which repeating makes more
    np.testing.assert_allclose(repeated, weighted, atol=0.02)
    ignored = fit_calibrator(kind, y, z).calibrator.probabilities(grid)
    assert np.abs(repeated - weighted).max() < np.abs(ignored - weighted).max() / 2


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(
        st.tuples(st.booleans(), st.floats(-50, 50, width=32), st.floats(0, 9, width=16)), min_size=2, max_size=40
    ).filter(lambda rows: any(weight for _, _, weight in rows)),
)
def test_any_rows_give_a_rising_curve_inside_0_and_1(kind, rows):
    y, z, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    calibrator = fit_calibrator(kind, y, z, w).calibrator
    p = calibrator.probabilities(np.linspace(-60, 60, 501))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= -1e-15).all()
    assert p[-1] > p[0]  # never a constant: that would undo the ranking
    assert np.isfinite(calibrator.logits(z)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["constant", "inverted", "one class has all the weight"])
def test_scores_that_rank_nothing_are_only_shifted(kind, case):
    z = np.full(100, 3.0) if case == "constant" else np.linspace(-3, 1, 100)
    y = (np.arange(100) < 25).astype(float)
    w = np.ones(100) if case != "one class has all the weight" else np.where(y == 1, 0.0, 1.0)
    fitted = fit_calibrator(kind, y, z, w)
    assert f"so {kind} only shifts them by" in fitted.note
    assert "\n" not in fitted.note
    assert isinstance(fitted.calibrator, PlattCalibrator)
    assert fitted.calibrator.slope == 1
    expected = 0.25 if case != "one class has all the weight" else 1 / 77  # Platt's 1/(N₋ + 2)
    mean = np.average(fitted.calibrator.probabilities(z), weights=w)
    assert mean == pytest.approx(expected, abs=0.01 if case != "one class has all the weight" else 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_that_part_the_classes_stay_finite(kind):
    z, y = np.linspace(-5, 5, 50), (np.arange(50) >= 25).astype(float)
    calibrator = fit_calibrator(kind, y, z).calibrator
    p = calibrator.probabilities(z)
    assert 0 < p.min() < 0.03 < 0.97 < p.max() < 1
    assert loss(p, y, None) < 0.2


def test_half_an_observation_keeps_the_ends_off_0_and_1():
    z, y = np.arange(10.0), np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1.0])
    p = fit_calibrator("isotonic", y, z).calibrator.probabilities(z)
    np.testing.assert_allclose(p, [0.5 / 5] * 4 + [0.5] * 2 + [1 - 0.5 / 5] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_written_and_read_to_the_last_bit(rows, kind, tmp_path):
    y, z, w = rows
    calibrator = fit_calibrator(kind, y, z, w).calibrator
    write_calibrator(tmp_path, calibrator)
    assert read_calibrator(tmp_path) == calibrator
    assert (read_calibrator(tmp_path).probabilities(z) == calibrator.probabilities(z)).all()


def test_a_damaged_file_is_named(tmp_path):
    assert read_calibrator(tmp_path) is None
    path = tmp_path / "calibration.json"
    path.write_text("{")
    with pytest.raises(ClickPromptError, match=r"calibration\.json: damaged"):
        read_calibrator(tmp_path)
    path.write_text(json.dumps({"kind": "platt", "slope": -1.0}))
    with pytest.raises(ClickPromptError, match=r"slope is -1\.0"):
        read_calibrator(tmp_path)


@pytest.mark.parametrize(
    ("thresholds", "values", "message"),
    [
        ((1.0, 0.0), (0.1, 0.2), "must rise"),
        ((0.0, 1.0), (0.2, 0.1), "must not fall"),
        ((0.0, 1.0), (0.0, 0.1), "inside"),
        ((0.0, 1.0, 2.0), (0.1, 0.2), "3 thresholds but 2 values"),
    ],
)
def test_a_curve_that_does_not_rise_is_refused(thresholds, values, message):
    with pytest.raises(ValueError, match=message):
        IsotonicCalibrator(thresholds=thresholds, values=values)


def test_applying_needs_no_scikit_learn():
    code = """
import sys
from clickprompt.calibration import IsotonicCalibrator, PlattCalibrator, fit_calibrator
IsotonicCalibrator(thresholds=(0.0, 1.0), values=(0.1, 0.2)).probabilities([0.5])
fit_calibrator("platt", [0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0]).calibrator.logits([0.5])
print(sorted({"sklearn", "scipy", "torch"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
