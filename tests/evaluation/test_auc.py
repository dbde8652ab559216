"""AUC against scikit-learn and against the definition, pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from clickprompt.evaluation import auc, grouped_auc
from clickprompt.settings import ClickPromptError


def pair_by_pair(labels, scores):
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[labels == 1] for n in scores[labels == 0]]
    return sum(wins) / len(wins)


def clicks_and_scores(seed=0, rows=2000, levels=None, dtype=np.float32):
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=rows)
    if levels:
        scores = np.round(scores * levels) / levels
    labels = (generator.random(rows) < 1 / (1 + np.exp(1 - scores))).astype(np.int8)
    return labels, scores.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [None, 3])
def test_equals_scikit_learn_with_and_without_weights(dtype, levels):
    labels, scores = clicks_and_scores(levels=levels, dtype=dtype)
    weights = np.random.default_rng(1).integers(0, 4, len(labels)) / 2
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-13)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert auc(labels, scores, weights=weights) == pytest.approx(expected, abs=1e-13)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([-2.5, -0.0, 0.0, 1e-40, 1.0, 3e38])), min_size=2, max_size=30)
)
def test_counts_every_pair_and_half_of_ties(rows):
    labels = np.array([label for label, _ in rows], dtype=np.float32)
    scores = np.array([score for _, score in rows], dtype=np.float32)
    if labels.all() or not labels.any():
        with pytest.raises(ClickPromptError, match="needs both classes"):
            auc(labels, scores)
        return
    expected = pair_by_pair(labels, scores)
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-15)
    assert auc(labels, scores, weights=np.full(len(labels), 0.25)) == pytest.approx(expected, abs=1e-15)


def test_neither_row_order_nor_an_increasing_map_changes_it():
    labels, scores = clicks_and_scores(levels=10, dtype=np.float64)
    shuffled = np.random.default_rng(2).permutation(len(labels))
    assert auc(labels[shuffled], scores[shuffled]) == auc(labels, scores)
    assert auc(labels, np.exp(scores)) == auc(labels, scores)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores), abs=1e-15)


def test_leaves_its_input_alone():
    labels, scores = clicks_and_scores(rows=50)
    before = labels.copy(), scores.copy()
    auc(labels, scores)
    grouped_auc(labels, scores, np.arange(50) % 3)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(scores, before[1])


def slow_grouped(labels, scores, groups):
    values, weights = [], []
    for group in np.unique(groups):
        own = groups == group
        if 0 < labels[own].sum() < own.sum():
            values.append(pair_by_pair(labels[own], scores[own]))
            weights.append(own.sum())
    return np.average(values, weights=weights)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["int32", "int64", "wide", "text"])
def test_grouped_equals_a_loop_over_groups(dtype, kind):
    labels, scores = clicks_and_scores(seed=3, rows=600, levels=4, dtype=dtype)
    owners = np.random.default_rng(4).integers(-5, 90, len(labels))
    groups = {
        "int32": owners.astype(np.int32),
        "int64": owners,
        "wide": owners * (2**40),
        "text": np.array([f"user {owner}" for owner in owners]),
    }[kind]
    expected = slow_grouped(labels, scores, groups)
    assert grouped_auc(labels, scores, groups) == pytest.approx(expected, abs=1e-13)
    shuffled = np.random.default_rng(5).permutation(len(labels))
    assert grouped_auc(labels[shuffled], scores[shuffled], groups[shuffled]) == pytest.approx(expected, abs=1e-13)


def test_grouped_of_one_group_is_the_auc_and_of_single_rows_is_none():
    labels, scores = clicks_and_scores(rows=200)
    assert grouped_auc(labels, scores, np.zeros(200)) == pytest.approx(auc(labels, scores), abs=1e-15)
    assert grouped_auc(labels, scores, np.arange(200)) is None


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0, 0], [1, 2, 3], "all 3 are 0"),
        ([1, 1], [1, 2], "all 2 are 1"),
        ([0, 1], [1.0, float("nan")], r"scores, row 2: nan \(1 of 2"),
        ([0, 1, 1], [float("inf"), 0, 1], "scores, row 1: inf"),
        ([0, 1, 1], [1, 2], r"scores: shape \(2,\), but there are 3 labels"),
        ([0, 1, 2], [1, 2, 3], "labels, row 3: 2; expected 0 or 1"),
        ([0, float("nan")], [1, 2], "labels, row 2: nan"),
        ([], [], "expected at least one row"),
    ],
)
def test_refuses_in_one_clear_line(labels, scores, message):
    with pytest.raises(ClickPromptError, match=message) as caught:
        auc(labels, scores)
    assert "\n" not in str(caught.value)


def test_refuses_wrong_weights():
    for weights, message in [([1, -1], "row 2: -1"), ([1], "shape"), ([0, 0], "all 2 are 0"), ([1, 0], "one class")]:
        with pytest.raises(ClickPromptError, match=message):
            auc([0, 1], [0.1, 0.2], weights=weights)
