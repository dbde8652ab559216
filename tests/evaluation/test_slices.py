"""Cold and warm rows, the long tail, and the summary that carries them."""

import json

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from clickprompt.evaluation import (
    cold_and_warm,
    evaluate_scores,
    grouped_auc,
    long_tail,
    measure_slices,
    probabilities_of,
    tail_limit,
)
from clickprompt.settings import ClickPromptError


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=500).astype(np.float32)
    return (generator.random(500) < probabilities_of(logits)), logits, generator.integers(0, 5, 500)


def test_each_slice_is_measured_alone(rows):
    labels, logits, counts = rows
    slices = cold_and_warm("users", counts)
    measured = measure_slices(labels, logits, slices)
    assert [one.name for one in measured] == ["cold users", "warm users"]
    assert sum(one.rows for one in measured) == 500
    for one, inside in zip(measured, [counts == 0, counts > 0], strict=True):
        assert (one.rows, one.positives) == (inside.sum(), labels[inside].sum())
        assert one.auc == pytest.approx(roc_auc_score(labels[inside], logits[inside]), abs=1e-13)
        probabilities = probabilities_of(logits[inside])
        assert one.log_loss == pytest.approx(sklearn_log_loss(labels[inside], probabilities), rel=1e-12)


def test_slices_of_one_class_and_of_no_rows(rows):
    labels, logits, _ = rows
    weights = labels.astype(float)
    one_class, empty = measure_slices(labels, logits, {"clicks": labels, "none": np.zeros(500, dtype=bool)})
    assert one_class.auc is None
    assert one_class.log_loss > 0
    assert (empty.rows, empty.positives, empty.auc, empty.log_loss) == (0, 0, None, None)
    weightless, half = measure_slices(labels, logits, {"others": ~labels, "all": labels | True}, weights=weights)
    assert (weightless.auc, weightless.log_loss) == (None, None)
    assert half.auc == evaluate_scores(labels, logits).auc
    with pytest.raises(ClickPromptError, match="slice 'x': int64 values"):
        measure_slices(labels, logits, {"x": np.zeros(500, dtype=np.int64)})
    with pytest.raises(ClickPromptError, match="slice 'x': shape"):
        measure_slices(labels, logits, {"x": np.zeros(3, dtype=bool)})


def slow_tail(counts, share):
    """Every value that a cut nearest to the share leaves in the tail."""
    best = (share, 0)
    for limit in sorted(set(counts)):
        inside = sum(count for count in counts if count <= limit) / sum(counts)
        best = min(best, (abs(inside - share), limit))
    return best[1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.5, 1.0])
def test_tail_limit_equals_a_slow_search(share):
    for seed in range(20):
        counts = np.random.default_rng(seed).zipf(1.6, 80).clip(max=500)
        limit = tail_limit(counts, share)
        assert counts[counts <= limit].sum() / counts.sum() == pytest.approx(
            counts[counts <= slow_tail(counts.tolist(), share)].sum() / counts.sum()
        )


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_the_tail_is_where_the_last_rows_end(share):
    """Walking from the least frequent value: the tail ends with the counts among which the share falls, or before."""
    for seed in range(20):
        counts = sorted(np.random.default_rng(seed).zipf(1.6, 80).clip(max=500).tolist())
        walked, at = 0, 0
        while walked + counts[at] <= share * sum(counts):
            walked += counts[at]
            at += 1
        before = max((count for count in counts if count < counts[at]), default=0)
        limit = tail_limit(counts, share)
        assert limit in (before, counts[at])
        level = counts.count(counts[at]) * counts[at]
        tail = sum(count for count in counts if count <= limit)
        assert abs(tail - share * sum(counts)) <= level / 2


def test_tail_limit_by_hand():
    assert tail_limit([50, 30, 10, 5, 5]) == 10
    assert tail_limit([50, 30, 0, 10, 5, 5], tail_share=0.1) == 5
    assert tail_limit([7, 7, 7]) == 0
    assert tail_limit([]) == 0
    with pytest.raises(ClickPromptError, match="tail_share is 20"):
        tail_limit([1], 20)


def test_the_four_cells_hold_every_row_once():
    generator = np.random.default_rng(0)
    users, items = generator.integers(0, 9, 300), generator.integers(0, 9, 300)
    cells = long_tail(users, items, user_limit=3, item_limit=5)
    assert (np.sum(list(cells.values()), axis=0) == 1).all()
    np.testing.assert_array_equal(cells["tail users, head items"], (users <= 3) & (items > 5))
    np.testing.assert_array_equal(cells["head users, tail items"], (users > 3) & (items <= 5))


def test_summary_holds_all_measures_and_becomes_json(rows):
    labels, logits, users = rows
    measures = evaluate_scores(labels, logits, groups=users, slices=cold_and_warm("users", users))
    record = json.loads(json.dumps(measures.to_record()))
    assert record["auc"] == pytest.approx(roc_auc_score(labels, logits), abs=1e-13)
    assert record["grouped_auc"] == grouped_auc(labels, logits, users)
    assert record["calibration_ratio"] == pytest.approx(probabilities_of(logits).sum() / labels.sum(), rel=1e-12)
    assert 0 < record["expected_calibration_error"] < 0.2
    assert (record["rows"], record["positives"]) == (500, labels.sum())
    assert record["slices"][0]["name"] == "cold users"
    assert evaluate_scores(labels, logits).grouped_auc is None


def test_weights_count_like_repeated_rows(rows):
    labels, logits, times = rows
    repeated = np.repeat(np.arange(500), times)
    weighted = evaluate_scores(labels, logits, weights=times)
    plain = evaluate_scores(labels[repeated], logits[repeated])
    for name in ("log_loss", "calibration_ratio"):
        assert getattr(weighted, name) == pytest.approx(getattr(plain, name), rel=1e-12)
    assert weighted.auc == evaluate_scores(labels, logits).auc  # ranks rows, each as one


def test_summary_refuses_one_class(rows):
    with pytest.raises(ClickPromptError, match="needs both classes"):
        evaluate_scores(np.zeros(500), rows[1])
