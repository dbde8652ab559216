from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from clickprompt.table import shuffled
from clickprompt.table.shuffled import shuffled_order


@pytest.mark.parametrize("most", [2, 4])
def test_all_orders_are_equally_likely(tmp_path, most):
    counts = Counter(tuple(shuffled_order(np.arange(4), seed, tmp_path, most).tolist()) for seed in range(240))
    statistic = sum((counts[order] - 10) ** 2 / 10 for order in counts) + 10 * (24 - len(counts))
    assert statistic < 49.7  # chi-square of 23 degrees, one in a thousand


def test_rows_come_from_anywhere_through_many_small_buckets(tmp_path):
    order = shuffled_order(np.arange(60_000), 3, tmp_path, most=1_000)
    met, _, _ = np.histogram2d(np.arange(60_000), order, bins=20)
    assert ((met - 150) ** 2 / 150).sum() < 456  # 361 degrees, one in a thousand


def test_holds_the_very_rows_in_a_file_that_seed_alone_decides(tmp_path):
    np.save(tmp_path / "rows.npy", np.arange(9_000) * 7 - 5)
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    (one := tmp_path / "one").mkdir()
    (other := tmp_path / "other").mkdir()
    first = shuffled_order(rows, 1, one, most=100)
    assert first.dtype == np.int64
    assert isinstance(first.base, np.memmap)
    assert sorted(first.tolist()) == rows.tolist()
    assert (first == shuffled_order(np.array(rows), 1, other, most=100)).all()
    assert (first != shuffled_order(rows, 2, other, most=100)).any()
    assert [path.name for path in one.iterdir()] == ["shuffled_order.npy"]
    assert len(shuffled_order(rows[:0], 1, one)) == 0


def test_memory_is_bounded(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(shuffled, "_DEALT_AT_ONCE", 1 << 12)
    np.save(tmp_path / "rows.npy", np.arange(1 << 17))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    tracemalloc.start()
    order = shuffled_order(rows, 0, tmp_path, most=1 << 13)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert order.nbytes == 1 << 20
    assert peak < 1 << 19
