from __future__ import annotations

import numpy as np
import pytest

from clickprompt.batches.chained import Chained, chained


@pytest.mark.parametrize("shape", [(), (3,)])
def test_reads_as_one_array(shape):
    random = np.random.default_rng(0)
    parts = [random.integers(0, 99, (rows, *shape)).astype(np.int32) for rows in (5, 0, 1, 7)]
    whole, chain = np.concatenate(parts), Chained(parts)
    rows = random.integers(0, 13, 50)
    assert len(chain) == 13
    assert (np.asarray(chain) == whole).all()
    for some in (rows, rows[:0], np.arange(13)):
        assert chain[some].dtype == np.int32
        assert np.array_equal(chain[some], whole[some])
    if shape:
        assert np.array_equal(chain[rows, 2], whole[rows, 2])
        assert chain[rows[:0], 2].shape == (0,)


def test_one_array_stays_itself():
    alone = np.arange(3)
    assert chained([alone]) is alone
    with pytest.raises(ValueError, match="no arrays"):
        chained([])
