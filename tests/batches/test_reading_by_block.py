from __future__ import annotations

import mmap
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import SplitReader, TrainingSteps, block_order, read_ahead
from clickprompt.batches import reader as reader_module
from clickprompt.batches.blocks import recut
from clickprompt.batches.chained import Chained
from clickprompt.batches.read_ahead import ReadAhead
from clickprompt.contracts import FieldStatistics
from clickprompt.table import Split
from clickprompt.workflows import SilentProgress, parse_recipe, prepare

FIELDS, VALUES = 5, 40


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(block_order, "BLOCK_BYTES", 7 * 4 * FIELDS)
    monkeypatch.setattr(block_order, "BLOCKS_MIXED", 4)


def split_of(folder: Path, rows: int, weights: bool = True) -> Split:
    random = np.random.default_rng(rows)
    folder.mkdir()
    np.save(folder / "value_ids.npy", random.integers(0, VALUES, (rows, FIELDS)).astype(np.int32))
    np.save(folder / "labels.npy", random.integers(0, 2, rows).astype(np.uint8))
    np.save(folder / "weights.npy", random.random(rows).astype(np.float32))
    ids, labels, some = (np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("value_ids", "labels", "weights"))
    return Split(ids, labels, some if weights else None)


def reader_of(*splits: Split) -> SplitReader:
    offsets = np.arange(FIELDS + 1) * (VALUES // FIELDS)
    names = tuple(f"field {n}" for n in range(FIELDS))
    about = FieldStatistics(names, ("context",) * FIELDS, offsets, np.ones(VALUES))
    return SplitReader(splits, np.arange(VALUES, dtype=np.int32), about, shuffled_on_disk=True)


def flat(steps: list[list[int]]) -> list[int]:
    return [row for step in steps for row in step]


def rows_of(reader: SplitReader, epoch: int = 0, start: int = 0, **settings) -> list[list[int]]:
    steps = TrainingSteps(reader, **{"batch_size": 10, "micro_batch_size": 10, "seed": 3, **settings})
    return [[int(row) for batch in step for row in batch.rows] for step in steps.epoch(epoch, start)]


@pytest.mark.parametrize("sizes", [(1,), (137,), (101, 37), (7, 0, 35)])
def test_an_epoch_holds_every_row_once_and_resumes_at_any_step(tmp_path, sizes):
    reader = reader_of(*(split_of(tmp_path / str(n), rows) for n, rows in enumerate(sizes)))
    epoch = rows_of(reader)
    assert sorted(flat(epoch)) == list(range(sum(sizes)))
    assert {len(step) for step in epoch[:-1]} <= {10}
    for start in range(len(epoch) + 1):
        assert rows_of(reader, start=start) == epoch[start:]


def test_batches_hold_what_the_rows_hold(tmp_path):
    splits = [split_of(tmp_path / "train", 101), split_of(tmp_path / "validation", 37)]
    together = {name: np.concatenate([getattr(s, name) for s in splits]) for name in ("value_ids", "labels", "weights")}
    steps = TrainingSteps(reader_of(*splits), batch_size=10, micro_batch_size=10, seed=0)
    for [batch] in steps.epoch(1):
        assert torch.equal(batch.feature_ids, torch.from_numpy(together["value_ids"][batch.rows]).long())
        assert torch.equal(batch.labels, torch.from_numpy(together["labels"][batch.rows]).float())
        assert torch.equal(batch.weights, torch.from_numpy(together["weights"][batch.rows]))


def test_order_hangs_on_seed_and_epoch_alone(tmp_path):
    reader = reader_of(split_of(tmp_path / "train", 300))
    orders = [flat(rows_of(reader, batch_size=size)) for size in (10, 33, 1000)]
    assert orders[0] == orders[1] == orders[2]
    assert len({tuple(flat(rows_of(reader, epoch, seed=seed))) for epoch in (0, 1) for seed in (3, 4)}) == 4


def test_each_block_is_asked_for_once_before_its_rows_and_released_after(tmp_path, monkeypatch):
    reader = reader_of(split_of(tmp_path / "train", 300))
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(ReadAhead, "ask", lambda self, start, stop: told.append(("ask", start, stop)))
    monkeypatch.setattr(ReadAhead, "release", lambda self, start, stop: told.append(("release", start, stop)))
    monkeypatch.setattr("clickprompt.batches.steps._ROWS_GATHERED_AT_ONCE", 10)
    steps = TrainingSteps(reader, batch_size=10, micro_batch_size=10, seed=3)
    for start in (0, 13):
        told.clear()
        given: set[int] = set()
        for [batch] in steps.epoch(0, start):
            given |= set(batch.rows.tolist())
            asked = {row for what, low, high in told if what == "ask" for row in range(low, high)}
            released = [row for what, low, high in told if what == "release" for row in range(low, high)]
            assert given <= asked
            assert start or given >= set(released)
            assert len(asked) <= len(given) + 2 * 28 + 7 + start * 10
        asked_for = [told[1:] for told in told if told[0] == "ask"]
        assert len(asked_for) == len(set(asked_for)) == len({t for t in told if t[0] == "release"})
        # Of 43 blocks, 4 a window, step 13 begins in the fifth window: 16 blocks are never asked for.
        assert len(asked_for) == (43 if start == 0 else 27)


def test_advice_covers_the_pages_of_the_rows_in_requests_that_are_not_cut(tmp_path, monkeypatch):
    np.save(tmp_path / "one.npy", np.zeros((50_000, 15), np.int32))
    np.save(tmp_path / "two.npy", np.zeros((20_000, 15), np.int32))
    one, two = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("one", "two"))
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(read_ahead._Map, "advise", lambda self, *advice: told.append(advice))
    ReadAhead([Chained([one, two])]).ask(45_000, 50_001)
    ends = [place + size for _, place, size in told]
    starts = [place for _, place, _ in told]
    assert all(place % mmap.PAGESIZE == 0 for place in starts)
    assert all(size <= 1 << 17 for _, _, size in told)
    assert starts[1:-1] == ends[:-2]
    first = 128 + 45_000 * 60
    assert starts[0] <= first < starts[0] + mmap.PAGESIZE
    assert ends[-2] == 128 + 50_000 * 60
    assert (starts[-1], ends[-1]) == (0, 128 + 60)
    told.clear()
    with ReadAhead([two]):
        assert told == [("MADV_RANDOM", 0, 128 + 20_000 * 60)]
    assert told[1:] == [("MADV_NORMAL", 0, 128 + 20_000 * 60)]
    told.clear()
    ReadAhead([np.zeros((9, 2)), np.asarray(one) + 1, one.astype(np.int64)]).ask(0, 9)
    assert told == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps")
def test_released_rows_leave_this_process_and_can_be_read_again(tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(3_000_000, dtype=np.int32).reshape(-1, 15))
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")

    def resident_kb() -> int:
        lines = Path("/proc/self/smaps").read_text().splitlines()
        [at] = [n for n, line in enumerate(lines) if line.endswith(str(tmp_path / "ids.npy"))]
        return next(int(line.split()[1]) for line in lines[at:] if line.startswith("Rss:"))

    total = int(ids.sum(dtype=np.int64))
    assert resident_kb() > 11_000
    ReadAhead([ids]).release(0, 200_000)
    assert resident_kb() == 0
    assert int(ids.sum(dtype=np.int64)) == total


@pytest.mark.parametrize("sizes", [(), (3,), (2, 2, 2), (10, 1, 0, 7), (1, 1, 1, 1, 11)])
def test_recut_pieces_hold_the_same_numbers(sizes):
    ends = np.cumsum([0, *sizes])
    pieces = [np.arange(start, stop) for start, stop in pairwise(ends)]
    cut = list(recut(pieces, 4))
    assert [int(n) for piece in cut for n in piece] == list(range(sum(sizes)))
    assert [len(piece) for piece in cut[:-1]] == [4] * max(0, len(cut) - 1)


def test_scoring_reads_rows_in_order_whatever_is_sorted_at_once(tmp_path, monkeypatch):
    reader = reader_of(split_of(tmp_path / "test", 137, weights=False))
    whole = list(reader.in_order(10))
    monkeypatch.setattr(reader_module, "_ROWS_SORTED_AT_ONCE", 25)
    for batch, same in zip(reader.in_order(10), whole, strict=True):
        assert torch.equal(batch.rows, same.rows)
        assert batch.weights is None


def test_folders_say_whether_training_rows_lie_shuffled(tiny_recipe, tmp_path):
    plain = prepare(parse_recipe(tiny_recipe), tmp_path / "plain", SilentProgress())
    tiny_recipe["data"]["training_order"] = "shuffled"
    shuffled = prepare(parse_recipe(tiny_recipe), tmp_path / "shuffled", SilentProgress())
    assert not plain.reader(["train"], reads="ids").shuffled_on_disk
    assert not shuffled.reader(["validation"], reads="ids").shuffled_on_disk
    reader = shuffled.reader(["train", "validation"], reads="ids")
    assert reader.shuffled_on_disk
    before, after = (np.asarray(data.table.split("train").value_ids) for data in (plain, shuffled))
    assert (before != after).any()
    assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    assert sorted(flat(rows_of(reader))) == list(range(540))
