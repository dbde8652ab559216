from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clickprompt.batches.block_order import BlockOrder


def epoch_of(order: BlockOrder, seed: int = 0, epoch: int = 0) -> np.ndarray:
    return np.concatenate([order.rows_of(window, seed, epoch) for window in order.windows(seed, epoch)])


@pytest.mark.parametrize(
    "order", [BlockOrder(1, 4, 2), BlockOrder(37, 5, 3), BlockOrder(40, 5, 4), BlockOrder(9, 1, 2)]
)
def test_every_row_once(order):
    assert sorted(epoch_of(order, 3, 1).tolist()) == list(range(order.rows))
    windows = list(order.windows(3, 1))
    assert [window.first for window in windows] == np.cumsum([0, *(window.size for window in windows)])[:-1].tolist()
    assert [len(order.rows_of(window, 3, 1)) for window in windows] == [window.size for window in windows]


def test_the_short_block_comes_anywhere():
    order = BlockOrder(10, 4, 1)
    assert {[window.size for window in order.windows(0, epoch)].index(2) for epoch in range(30)} == {0, 1, 2}


def test_seed_and_epoch_decide():
    order = BlockOrder(50, 5, 4)
    assert (epoch_of(order, 1, 2) == epoch_of(order, 1, 2)).all()
    assert (epoch_of(order, 1, 2) != epoch_of(order, 1, 3)).any()
    assert (epoch_of(order, 1, 2) != epoch_of(order, 2, 2)).any()


@pytest.mark.parametrize(("mixed", "possible"), [(2, 24), (1, 8)])
def test_all_orders_that_can_be_are_equally_likely(mixed, possible):
    counts = Counter(tuple(epoch_of(BlockOrder(4, 2, mixed), 5, epoch).tolist()) for epoch in range(50 * possible))
    assert len(counts) == possible
    statistic = sum((count - 50) ** 2 / 50 for count in counts.values())
    assert statistic < {24: 49.7, 8: 24.3}[possible]  # chi-square, one in a thousand


def test_rows_of_a_block_meet_in_a_batch_as_often_as_documented():
    rows, block, mixed, batch, epochs = 400, 10, 4, 10, 300
    order, met, blocks = BlockOrder(rows, block, mixed), 0, np.arange(rows) // block
    for epoch in range(epochs):
        batches = np.argsort(epoch_of(order, 1, epoch)) // batch
        together = np.unique(blocks * rows + batches, return_counts=True)[1]
        met += int((together * (together - 1) // 2).sum())
    pairs = rows * (block - 1) // 2
    assert met / (epochs * pairs) == pytest.approx((batch - 1) / (block * mixed - 1), rel=0.02)


def test_a_block_is_what_a_disk_reads_in_one_go():
    order = BlockOrder.of_width(20_000_000, row_bytes=60)
    assert order.block_rows * 60 <= 1 << 18 < (order.block_rows + 1) * 60
    assert order.mixed * order.block_rows * 60 <= 1 << 26
    assert BlockOrder.of_width(3, row_bytes=1 << 20).block_rows == 1
