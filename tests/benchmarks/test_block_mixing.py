"""Pairs that meet again, beside a count of all pairs in plain Python."""

from __future__ import annotations

from itertools import combinations

import pytest

from clickprompt.batches import block_order


@pytest.mark.parametrize("order", ["blocks", "permutation"])
def test_pairs_that_meet_again(monkeypatch, benchmark_module, order):
    block_mixing = benchmark_module("block_mixing")
    monkeypatch.setattr(block_mixing, "BATCH", 8)
    monkeypatch.setattr(block_order, "BLOCK_BYTES", 5 * 4 * block_mixing.FIELDS)
    monkeypatch.setattr(block_order, "BLOCKS_MIXED", 4)
    first, second = (block_mixing.epoch_of(order, 200, epoch).tolist() for epoch in (0, 1))
    assert sorted(first) == sorted(second) == [row // 8 for row in range(200)]
    pairs = [(one, other) for one, other in combinations(range(200), 2) if first[one] == first[other]]
    again = sum(second[one] == second[other] for one, other in pairs)
    assert block_mixing.met_again(order, 200) == pytest.approx(again / (len(pairs) * 7 / 199))
    assert (order == "blocks") == (again > 50)
