from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from clickprompt.batches import SplitReader, TrainingSteps, masked_tokens, permute_within_fields, token_batch
from clickprompt.contracts import ClickBatch
from clickprompt.text import sentence_of
from clickprompt.workflows import Data, RunFolder, SilentProgress, parse_recipe, prepare


@pytest.fixture
def data(tiny_recipe, tmp_path) -> Data:
    return prepare(parse_recipe(tiny_recipe), tmp_path / "prepared", SilentProgress())


def steps(reader: SplitReader, **settings) -> TrainingSteps:
    return TrainingSteps(reader, **{"batch_size": 50, "micro_batch_size": 16, "seed": 7, **settings})


def apart(batch: ClickBatch) -> Sequence[torch.Tensor]:
    """Each row's tokens."""
    return torch.tensor_split(batch.tokens.ids, batch.tokens.starts[1:])


def test_tokens_know_their_places_and_runs():
    tokens = token_batch(np.arange(14), np.array([3, 3, 2, 5, 1]))
    assert tokens.starts.tolist() == [0, 3, 6, 8, 13]
    assert tokens.places.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 2, 3, 4, 0]
    assert tokens.runs == ((2, 3), (1, 2), (1, 5), (1, 1))
    assert (len(tokens), tokens.longest) == (5, 5)
    masked = masked_tokens(np.array([1, 4, 5, 9, 10, 12]), np.arange(6), np.array([3, 3, 2, 5, 1]))
    assert masked.most == 3
    assert token_batch(np.zeros(0, np.int64), np.zeros(0, np.int64)).runs == ()


@pytest.mark.parametrize("words", [True, False])
def test_an_epoch_holds_every_row_once(data, words):
    plan = steps(data.reader(["train"], reads="sentence" if words else "ids"))
    epoch = list(plan.epoch(0))
    assert len(epoch) == plan.steps_per_epoch == 10
    rows = torch.cat([batch.rows for step in epoch for batch in step])
    assert sorted(rows.tolist()) == list(range(480))
    assert [sum(len(batch) for batch in step) for step in epoch] == [50] * 9 + [30]


def test_order_hangs_on_seed_and_epoch_alone(data):
    reader = data.reader(["train"], reads="ids")

    def order(seed: int, epoch: int) -> list[int]:
        return [int(row) for step in steps(reader, seed=seed).epoch(epoch) for row in step[0].rows]

    assert order(7, 1) == order(7, 1)
    assert order(7, 1) != order(7, 0)
    assert order(8, 1) != order(7, 1)


def test_micro_batches_are_of_near_equal_length_and_one_draw(data):
    reader = data.reader(["train"], reads="sentence")
    fine = next(steps(reader, micro_batch_size=8).epoch(0))
    coarse = next(steps(reader, micro_batch_size=50).epoch(0))
    assert {int(r) for b in fine for r in b.rows} == {int(r) for b in coarse for r in b.rows}
    assert all(len(batch) <= 8 for batch in fine)
    longest = [batch.tokens.longest for batch in fine]
    assert longest == sorted(longest)


def test_masks_and_oov_dropout_hang_on_seed_epoch_and_row_alone(data):
    reader = data.reader(["train"], reads="sentence")

    def draws(epoch: int, **settings) -> dict[int, tuple[list[int], list[int]]]:
        seen = {}
        for step in steps(reader, oov_dropout=0.3, mask_rate=0.3, **settings).epoch(epoch):
            for batch in step:
                for row, ids, features in zip(batch.rows.tolist(), apart(batch), batch.feature_ids, strict=True):
                    seen[row] = (ids.tolist(), features.tolist())
        return seen

    assert draws(0, micro_batch_size=5) == draws(0, micro_batch_size=64, batch_size=64)
    assert draws(0) != draws(1)


def test_sentences_are_those_of_the_rows(data):
    reader = data.reader(["validation"], reads="sentence")
    texts, _ = data.table.value_texts
    seen = 0
    for batch in reader.in_order(16):
        assert batch.tokens.longest == max(map(len, apart(batch)))
        for row, ids in zip(batch.rows.tolist(), apart(batch), strict=True):
            values = [texts[int(v)].as_py() for v in data.table.split("validation").value_ids[row]]
            whole = data.tokenizer.encode([sentence_of(values, data.table.schema)])[0][0]
            expected = [*data.tokenizer.prefix_ids, *whole, *data.tokenizer.suffix_ids]
            assert ids.tolist() == expected
            seen += 1
    assert seen == 60


def test_oov_dropout_takes_its_share_and_only_the_fields_own_row(data):
    reader = data.reader(["train"], reads="ids")
    plain = reader.feature_ids(np.arange(480))
    dropped = reader.feature_ids(np.arange(480), oov_dropout=0.25, seed=1)
    changed = plain != dropped
    assert changed.mean() == pytest.approx(0.25, abs=0.03)
    oov = int(data.table.statistics.offsets[-1]) + np.arange(5)
    assert (dropped[changed] == np.broadcast_to(oov, changed.shape)[changed]).all()


def test_train_and_validation_together(data):
    reader = data.reader(["train", "validation"], reads="sentence")
    assert len(reader) == 540
    batch = reader.batch(np.array([539]), reader.ids(np.array([539])))
    last = data.reader(["validation"], reads="sentence")
    alone = last.batch(np.array([59]), last.ids(np.array([59])))
    assert torch.equal(batch.tokens.ids, alone.tokens.ids)
    assert torch.equal(batch.weights, alone.weights)


def test_permuted_words_stay_in_their_field():
    fields = np.array([0] * 50 + [1] * 30 + [2] * 20)
    held = np.arange(100) != 99
    held[80:90] = False
    permutation = permute_within_fields(fields, held, seed=3)
    assert sorted(permutation) == list(range(100))
    assert (fields[permutation] == fields).all()
    assert (permutation[~held] == np.flatnonzero(~held)).all()
    assert (permutation != np.arange(100))[held].mean() > 0.8
    assert (permutation == permute_within_fields(fields, held, seed=3)).all()


def test_the_control_reads_other_words_with_the_same_embeddings(tiny_recipe, tmp_path: Path):
    run = RunFolder(tmp_path)
    plain = prepare(parse_recipe(tiny_recipe), run.prepared, SilentProgress())
    tiny_recipe["language_model"]["permute_values"] = 1
    permuted = prepare(parse_recipe(tiny_recipe), run.prepared, SilentProgress())
    rows = np.arange(20)
    one, other = (d.reader(["train"], reads="sentence") for d in (plain, permuted))
    a, b = (reader.batch(rows, reader.ids(rows)) for reader in (one, other))
    assert torch.equal(a.feature_ids, b.feature_ids)
    assert a.tokens.ids.shape != b.tokens.ids.shape or not torch.equal(a.tokens.ids, b.tokens.ids)


def test_masked_fields_take_their_share_and_spare_oov(data):
    reader = data.reader(["train"], reads="ids")

    def masks(**settings) -> dict[int, list[bool]]:
        plan = steps(reader, mask_rate=0.3, hides=("fields",), oov_dropout=0.2, **settings)
        batches = [batch for step in plan.epoch(0) for batch in step]
        assert all((batch.feature_ids < reader.oov_rows[0])[batch.masked_fields].all() for batch in batches)
        return {r: m for b in batches for r, m in zip(b.rows.tolist(), b.masked_fields.tolist(), strict=True)}

    drawn = masks()
    assert np.mean(list(drawn.values())) == pytest.approx(0.3 * 0.8, abs=0.03)
    assert drawn == masks(batch_size=7)


def test_sentences_are_sorted_by_length_some_rows_at_a_time(data, monkeypatch):
    monkeypatch.setattr("clickprompt.batches.reader._ROWS_SORTED_AT_ONCE", 37)
    reader = data.reader(["validation"], reads="sentence")
    batches = list(reader.in_order(16))
    rows = torch.cat([batch.rows for batch in batches]).tolist()
    assert [sorted(rows[:32]), sorted(rows[32:])] == [list(range(32)), list(range(32, 60))]
    lengths = reader.lengths(np.array(rows))
    assert (np.diff(lengths[:32]) >= 0).all()
    assert (np.diff(lengths[32:]) >= 0).all()
