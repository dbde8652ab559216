"""Paired t against SciPy; the smallest detectable difference by noncentral t and simulation; Holm by hand."""

import numpy as np
import pytest
from scipy import stats

from clickprompt.evaluation import holm_adjusted, paired_t_test, smallest_detectable_effect
from clickprompt.settings import ClickPromptError


@pytest.mark.parametrize("pairs", [2, 3, 5, 17])
def test_paired_t_equals_scipy(pairs):
    generator = np.random.default_rng(pairs)
    b = generator.normal(0.8, 0.01, pairs)
    a = b + generator.normal(0.001, 0.002, pairs)
    test, reference = paired_t_test(list(a), list(b)), stats.ttest_rel(a, b)
    interval = reference.confidence_interval(0.95)
    assert test.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (test.difference, test.pairs) == (pytest.approx((a - b).mean(), rel=1e-12), pairs)
    spread = np.std(a - b, ddof=1)
    assert test.smallest_detectable == pytest.approx(smallest_detectable_effect(pairs) * spread, rel=1e-12)


@pytest.mark.parametrize("pairs", [3, 4, 5, 10, 100])
def test_smallest_detectable_effect_has_its_power_by_the_noncentral_t(pairs):
    shift = smallest_detectable_effect(pairs) * np.sqrt(pairs)
    critical = stats.t.ppf(0.975, pairs - 1)
    assert stats.nct.sf(critical, pairs - 1, shift) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("pairs", [2, 3, 5])
def test_smallest_detectable_effect_is_found_four_times_in_five(pairs):
    samples = np.random.default_rng(0).normal(smallest_detectable_effect(pairs), 1, (100_000, pairs))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.006)


def test_smallest_detectable_effect_follows_level_and_power():
    assert smallest_detectable_effect(5, level=0.01) > smallest_detectable_effect(5)
    assert smallest_detectable_effect(5, power=0.9) > smallest_detectable_effect(5)


def test_paired_t_without_spread():
    same, other = paired_t_test([0.75, 0.5], [0.75, 0.5]), paired_t_test([0.75, 0.5], [0.5, 0.25])
    assert (same.p_value, same.low, same.high, same.smallest_detectable) == (1, 0, 0, 0)
    assert (other.p_value, other.low, other.high) == (0, 0.25, 0.25)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [([1], [2], "run more seeds"), ([1, 2], [1], "one of each"), ([1, np.nan], [1, 2], "not finite")],
)
def test_paired_t_refuses(a, b, said):
    with pytest.raises(ClickPromptError, match=said):
        paired_t_test(a, b)


def textbook_holm(p_values):
    """Step down: reject the smallest at α/m, the next at α/(m − 1), …; the least α that rejects each."""
    adjusted, floor = {}, 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, (len(p_values) - rank) * p_values[place])
        adjusted[place] = min(floor, 1.0)
    return [adjusted[place] for place in range(len(p_values))]


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_holm_equals_the_textbook(count):
    p_values = np.round(np.random.default_rng(count).random(count) ** 3, 2)
    assert holm_adjusted(p_values) == pytest.approx(textbook_holm(list(p_values)), rel=1e-12)


def test_holm_does_not_count_what_was_not_tested():
    adjusted = holm_adjusted([0.04, np.nan, 0.01])
    assert adjusted[[0, 2]] == pytest.approx([0.04, 0.02])
    assert np.isnan(adjusted[1])
    assert holm_adjusted([]).shape == (0,)
