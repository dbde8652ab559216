"""Quantile buckets, against a count by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickprompt.table.buckets import Buckets, fit_edges


def slow_edges(sample, buckets):
    """The least number with at least i/buckets of the sample at or below it, but the largest."""
    sample = sorted(sample)
    if len(set(sample)) <= buckets:
        return sorted(set(sample))[:-1]
    edges = set()
    for i in range(1, buckets):
        edges.add(next(x for k, x in enumerate(sample, 1) if k * buckets >= i * len(sample)))
    return sorted(edges - {sample[-1]})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.integers(2, 12))
def test_edges_are_the_quantiles(sample, buckets):
    numbers, counts = np.unique(np.array(sample, dtype=float), return_counts=True)
    shuffled = np.random.default_rng(0).permutation(len(numbers))
    numbers = np.append(numbers[shuffled], [np.nan, 99.0])
    counts = np.append(counts[shuffled], [5, 0])
    edges = fit_edges(numbers, counts, buckets)
    assert edges.tolist() == slow_edges(sample, buckets)
    filled = np.bincount(Buckets.over(edges, np.array(sample, dtype=float)), minlength=len(edges) + 1)
    assert (filled[: len(edges) + 1] > 0).all()
    assert len(filled) <= buckets + 1


def test_even_buckets_hold_even_shares():
    numbers = np.arange(1000.0)
    edges = fit_edges(numbers, np.ones(1000, dtype=int), 8)
    assert np.bincount(Buckets.over(edges, numbers)).tolist() == [125] * 8


def test_a_rare_one_among_zeros_keeps_its_bucket():
    edges = fit_edges(np.array([0.0, 1.0]), np.array([90, 10]), 2)
    assert Buckets.over(edges, np.array([0.0, 1.0, -5.0, 7.0, np.nan])).tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("numbers", [[], [np.nan], [4.0]])
def test_columns_with_nothing_to_cut(numbers):
    assert len(fit_edges(np.array(numbers), np.ones(len(numbers), dtype=int), 4)) == 0


def test_names():
    assert Buckets.texts(np.array([1.5, 3.0])) == ["(-∞, 1.5]", "(1.5, 3]", "(3, ∞)", "unknown"]
