"""Counter-based uniforms: known values, quality, independence of the batch."""

import numpy as np
import pytest
from scipy import stats

from clickprompt.text import uniforms, uniforms_at

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def splitmix_finalizer(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def by_python_integers(seed, epoch, stream, row, position):
    key = 0
    for part in (seed, epoch, stream):
        key = splitmix_finalizer((key + GAMMA * (part + 1)) & MASK)
    key = splitmix_finalizer((key + GAMMA * row) & MASK)
    return (splitmix_finalizer((key + GAMMA * (position + 1)) & MASK) >> 11) / 2**53


def test_finalizer_is_splitmix64():
    # First outputs of splitmix64 seeded with 1234567, as published with the reference code.
    state, seen = 1234567, []
    for _ in range(3):
        state = (state + GAMMA) & MASK
        seen.append(splitmix_finalizer(state))
    assert seen == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("seed", [0, 42, 2**40])
def test_equals_integer_arithmetic(seed):
    rows, positions = np.array([0, 1, 10**9]), np.array([0, 3, 511])
    actual = uniforms(seed, 5, 2, rows, positions)
    expected = [[by_python_integers(seed, 5, 2, int(r), int(p)) for p in positions] for r in rows]
    np.testing.assert_array_equal(actual, expected)


def test_pairs_equal_the_grid():
    rows, positions = np.arange(7), np.arange(5)
    grid = uniforms(1, 2, 3, rows, positions)
    np.testing.assert_array_equal(uniforms_at(1, 2, 3, rows[[6, 0]], positions[[4, 1]]), grid[[6, 0], [4, 1]])


def test_each_key_part_matters():
    rows, positions = np.arange(50), np.arange(40)
    grids = [uniforms(*key, rows, positions) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]]
    grids.append(uniforms(0, 0, 0, rows + 50, positions))
    grids.append(uniforms(0, 0, 0, rows, positions + 40))
    for n, a in enumerate(grids):
        for b in grids[:n]:
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.5 / np.sqrt(a.size)


@pytest.mark.parametrize("axis", ["rows", "positions", "epochs"])
def test_uniform_and_uncorrelated(axis):
    if axis == "rows":
        u = uniforms(7, 0, 0, np.arange(200_000), np.arange(1)).ravel()
    elif axis == "positions":
        u = uniforms(7, 0, 0, np.arange(1), np.arange(200_000)).ravel()
    else:
        u = np.concatenate([uniforms(7, e, 0, np.arange(100), np.arange(20)).ravel() for e in range(100)])
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 4 / np.sqrt(12 * len(u))
    assert stats.chisquare(np.bincount((u * 256).astype(int), minlength=256)).pvalue > 1e-4
    for lag in (1, 2, 20):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4.5 / np.sqrt(len(u))
    low_bits = (u * 2**53).astype(np.uint64) & np.uint64(1)
    assert abs(low_bits.mean() - 0.5) < 2.5 / np.sqrt(len(u))
