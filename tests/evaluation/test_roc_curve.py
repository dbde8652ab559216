"""The thinned ROC curve lies on the whole one."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve as sklearn_roc_curve

from clickprompt.evaluation import roc_curve


@pytest.mark.parametrize("levels", [None, 20])
def test_points_lie_on_the_exact_curve(levels):
    generator = np.random.default_rng(0)
    scores = generator.normal(size=5000)
    scores = np.round(scores * levels) / levels if levels else scores
    labels = generator.random(5000) < 1 / (1 + np.exp(1 - scores))
    false, true, _ = sklearn_roc_curve(labels, scores, drop_intermediate=False)
    exact = set(zip(np.round(false, 12), np.round(true, 12), strict=True))
    curve = roc_curve(labels, scores)
    ours = list(zip(np.round(curve.false_positive_rate, 12), np.round(curve.true_positive_rate, 12), strict=True))
    assert set(ours) <= exact
    assert ours[0] == (0, 0)
    assert ours[-1] == (1, 1)
    assert ours == sorted(ours)
    assert len(ours) == (len(exact) if levels else len(ours)) <= 500
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(np.trapezoid(true, false), abs=2e-3)


def test_few_points_where_few_are_asked_for():
    generator = np.random.default_rng(0)
    curve = roc_curve(generator.random(1000) < 0.3, generator.normal(size=1000), points=11)
    assert 3 <= len(curve.true_positive_rate) <= 11
