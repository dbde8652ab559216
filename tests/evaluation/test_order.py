"""Fast orders against NumPy's stable argsort."""

import numpy as np
import pytest

from clickprompt.evaluation.order import changes, group_codes, ranks, running, stable_order, tie_blocks

RANDOM = np.random.default_rng(0)
KEYS = {
    "float32": np.round(RANDOM.normal(size=3000), 2).astype(np.float32),
    "float64": np.round(RANDOM.normal(size=3000), 2),
    "close": 1 + RANDOM.integers(-4, 5, 3000) * 2.0**-50,
    "extreme": RANDOM.choice([-3e300, -1e-310, -0.0, 0.0, 5e-324, 1.0, 1e308], 3000),
    "zeros": RANDOM.choice([-1.0, -0.0, 0.0, 1e-40], 3000).astype(np.float32),
    "int32": RANDOM.integers(-50, 50, 3000).astype(np.int32),
    "far": RANDOM.integers(2**40, 2**40 + 90, 3000),
    "wide": RANDOM.integers(-9, 9, 3000) * 2**50,
    "uint64": RANDOM.integers(2**63, 2**63 + 40, 3000, dtype=np.uint64),
    "text": RANDOM.choice(["b", "a", "c"], 3000),
    "strided": np.round(RANDOM.normal(size=6000), 1).astype(np.float32)[::2],
}


@pytest.mark.parametrize("kind", KEYS)
def test_order_blocks_ranks_and_codes(kind):
    keys = KEYS[kind]
    before = keys.copy()
    expected = np.argsort(keys, kind="stable")
    _, codes = np.unique(keys, return_inverse=True)
    np.testing.assert_array_equal(stable_order(keys), expected)
    blocks = tie_blocks(keys)
    np.testing.assert_array_equal(blocks.order, expected)
    np.testing.assert_array_equal(blocks.block, codes[expected])
    np.testing.assert_array_equal(blocks.starts, changes(codes[expected]))
    np.testing.assert_array_equal(blocks.to_rows(blocks.block), codes)
    np.testing.assert_array_equal(np.unique(ranks(keys), return_inverse=True)[1], codes)
    found, count = group_codes(keys)
    np.testing.assert_array_equal(found, codes)
    assert count == codes.max() + 1
    np.testing.assert_array_equal(keys, before)


def test_marks_before_each_place_and_block():
    marks = np.array([True, False, True, True, False])
    assert running(marks).tolist() == [0, 1, 1, 2, 3]
    blocks = tie_blocks(np.array([1, 1, 2, 5, 5]))
    assert blocks.before(marks).tolist() == [0, 1, 2, 3]
