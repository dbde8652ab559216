"""DeLong against the O(mn) textbook, the bootstrap against a loop over the same draws, Welch against SciPy."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from clickprompt.evaluation import bootstrap_over_groups, bootstrap_over_rows, delong_test, delong_variance, welch_test
from clickprompt.evaluation.bootstrap import draw
from clickprompt.evaluation.welch import student_t_two_sided
from clickprompt.settings import ClickPromptError


def two_models(rows=400, seed=0, decimals=1):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=rows)
    labels = (generator.random(rows) < 1 / (1 + np.exp(1 - 2 * truth))).astype(int)
    a = np.round(truth + generator.normal(size=rows), decimals)
    b = np.round(truth + 1.5 * generator.normal(size=rows), decimals)
    return labels, a, b, generator.integers(0, 40, rows)


def textbook(labels, *models):
    """Structural components by comparing every click with every non-click (DeLong et al., 1988)."""
    of_clicks, of_others = [], []
    for scores in models:
        positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
        kernel = (positive > negative) + 0.5 * (positive == negative)
        of_clicks.append(kernel.mean(axis=1))
        of_others.append(kernel.mean(axis=0))
    covariance = np.cov(of_clicks) / (labels == 1).sum() + np.cov(of_others) / (labels == 0).sum()
    return [values.mean() for values in of_clicks], covariance


@pytest.mark.parametrize("decimals", [0, 1, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_delong_equals_the_textbook(decimals, dtype):
    labels, a, b, _ = two_models(decimals=decimals)
    a, b = a.astype(dtype), b.astype(dtype)
    (auc_a, auc_b), covariance = textbook(labels, a, b)
    assert delong_variance(labels, a) == pytest.approx(covariance[0, 0], rel=1e-11)
    test = delong_test(labels, a, b)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (auc_a - auc_b) / error
    assert (test.auc_a, test.auc_b) == pytest.approx((auc_a, auc_b), abs=1e-13)
    assert (test.standard_error, test.z) == pytest.approx((error, z), rel=1e-9)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-8)
    interval = stats.norm.interval(0.95, test.difference, test.standard_error)
    assert (test.low, test.high) == pytest.approx(interval, rel=1e-12)


def test_delong_is_antisymmetric_and_blind_to_row_order_and_scale():
    labels, a, b, _ = two_models()
    test, other = delong_test(labels, a, b), delong_test(labels, b, a)
    assert test.difference == -other.difference
    assert test.p_value == pytest.approx(other.p_value, rel=1e-12)
    shuffled = np.random.default_rng(1).permutation(len(labels))
    again = delong_test(labels[shuffled], np.exp(a[shuffled]), 3 * b[shuffled] - 1)
    assert again.z == pytest.approx(test.z, rel=1e-9)


def test_delong_of_a_model_with_itself_sees_nothing():
    labels, a, _, _ = two_models()
    test = delong_test(labels, a, a)
    assert (test.difference, test.p_value) == (0, 1)


def test_delong_p_values_are_uniform_under_the_null():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        truth = generator.normal(size=300)
        labels = generator.random(300) < 1 / (1 + np.exp(-truth))
        noise = generator.normal(size=(2, 300))
        p_values.append(delong_test(labels, truth + noise[0], truth + noise[1]).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_delong_needs_two_of_each():
    with pytest.raises(ClickPromptError, match="needs two of each"):
        delong_test([1, 0, 0], [1, 2, 3], [1, 2, 3])


def test_bootstrap_equals_a_loop_over_the_same_draws():
    labels, a, b, groups = two_models()
    test = bootstrap_over_groups(labels, a, b, groups, samples=60, seed=5)
    generator = np.random.default_rng(5)
    users = np.unique(groups)
    differences = []
    for _ in range(60):
        times = draw(generator, len(users))
        rows = np.concatenate(
            [np.tile(np.flatnonzero(groups == user), n) for user, n in zip(users, times, strict=True)]
        )
        differences.append(roc_auc_score(labels[rows], a[rows]) - roc_auc_score(labels[rows], b[rows]))
    assert (test.low, test.high) == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=1e-12)
    assert test.difference == pytest.approx(roc_auc_score(labels, a) - roc_auc_score(labels, b), abs=1e-13)
    beyond = min(sum(d <= 0 for d in differences), sum(d >= 0 for d in differences))
    assert test.p_value == pytest.approx(2 * (1 + beyond) / 61)
    assert (test.groups, test.samples) == (len(users), 60)


def test_bootstrap_follows_its_seed_and_not_the_names_of_users():
    labels, a, b, groups = two_models()
    named = np.array([f"user {group:03}" for group in groups])
    first = bootstrap_over_groups(labels, a, b, groups, samples=50, seed=1)
    assert first == bootstrap_over_groups(labels, a, b, named, samples=50, seed=1)
    assert first != bootstrap_over_groups(labels, a, b, groups, samples=50, seed=2)


def test_bootstrap_over_single_rows_is_as_wide_as_delong():
    labels, a, b, _ = two_models(rows=1500)
    test = bootstrap_over_groups(labels, a, b, np.arange(1500), samples=800)
    reference = delong_test(labels, a, b)
    assert test.high - test.low == pytest.approx(reference.high - reference.low, rel=0.12)


def test_bootstrap_over_rows_is_that_over_groups_of_one():
    labels, a, b, _ = two_models()
    test = bootstrap_over_rows(labels, a, b, samples=50, seed=4)
    assert test == bootstrap_over_groups(labels, a, b, np.arange(400), samples=50, seed=4)
    with pytest.raises(ClickPromptError, match="samples is 0"):
        bootstrap_over_rows(labels, a, b, samples=0)


def test_bootstrap_over_rows_of_four_rows_by_all_draws():
    labels, a, b = np.array([1, 0, 1, 0]), np.array([4.0, 3, 2, 1]), np.array([1.0, 2, 3, 3])
    every = []
    for rows in itertools.product(range(4), repeat=4):
        pairs = [(p, n) for p in rows for n in rows if labels[p] and not labels[n]]
        wins = [[(s[p] > s[n]) + 0.5 * (s[p] == s[n]) for p, n in pairs] for s in (a, b)]
        if pairs:
            every.append((sum(wins[0]) - sum(wins[1])) / len(pairs))
    test = bootstrap_over_rows(labels, a, b, samples=2000)
    assert test.difference == pytest.approx(0.75 - 0.375)
    assert (test.low, test.high) == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=1e-12)
    assert test.p_value == pytest.approx(2 * np.mean(np.array(every) <= 0), abs=0.06)
    assert test.samples / 2000 == pytest.approx(len(every) / 4**4, abs=0.03)


def test_bootstrap_over_users_is_wider_where_rows_repeat():
    labels, a, b, _ = two_models(rows=300)
    rows = np.repeat(np.arange(300), 5)
    over_users = bootstrap_over_groups(labels[rows], a[rows], b[rows], rows, samples=400)
    over_rows = bootstrap_over_groups(labels[rows], a[rows], b[rows], np.arange(1500), samples=400)
    assert over_users.high - over_users.low > 1.8 * (over_rows.high - over_rows.low)


def test_bootstrap_draws_as_many_users_as_there_are():
    times = draw(np.random.default_rng(0), 500)
    assert times.shape == (500,)
    assert times.sum() == 500
    assert 0.3 < (times == 0).mean() < 0.45


def test_bootstrap_leaves_out_draws_of_one_class():
    test = bootstrap_over_groups([1, 1, 0, 0], [4, 3, 2, 1], [1, 2, 3, 4], [0, 0, 1, 1], samples=200)
    assert 60 < test.samples < 140
    assert test.low == test.high == 1


def test_bootstrap_refuses_one_group():
    labels, a, b, _ = two_models()
    with pytest.raises(ClickPromptError, match="all rows are of one group"):
        bootstrap_over_groups(labels, a, b, np.zeros(len(labels)))
    with pytest.raises(ClickPromptError, match="groups: shape"):
        bootstrap_over_groups(labels, a, b, np.zeros(3))


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (5, 12), (40, 3)])
def test_welch_equals_scipy(sizes):
    generator = np.random.default_rng(sum(sizes))
    a, b = generator.normal(0.8, 0.002, sizes[0]), generator.normal(0.801, 0.006, sizes[1])
    test, reference = welch_test(list(a), list(b)), stats.ttest_ind(a, b, equal_var=False)
    assert (test.t, test.degrees_of_freedom) == pytest.approx((reference.statistic, reference.df), rel=1e-9)
    assert test.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    assert test.difference == pytest.approx(a.mean() - b.mean(), abs=1e-15)


@pytest.mark.parametrize("freedom", [0.7, 1, 2, 3.4, 10, 57.3, 1e3, 1e5])
@pytest.mark.parametrize("t", [0, 1e-9, 1e-3, 0.3, 1, 2.5, 7, 30, 1e3])
def test_student_t_equals_scipy(freedom, t):
    expected = 2 * stats.t.sf(t, freedom)
    assert student_t_two_sided(-t, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_welch_without_spread():
    assert welch_test([0.8, 0.8], [0.8, 0.8]).p_value == 1
    assert welch_test([0.8, 0.8], [0.7, 0.7]).p_value == 0
    with pytest.raises(ClickPromptError, match="run more seeds"):
        welch_test([0.8], [0.7, 0.7])
