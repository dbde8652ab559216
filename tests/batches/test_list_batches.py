"""List fields in batches: items gathered, dropped and cut into batches by nothing but the row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from clickprompt.batches import SplitReader, TrainingSteps
from clickprompt.contracts import ClickBatch
from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists
from clickprompt.text import sentence_of
from clickprompt.workflows import Data, SilentProgress, parse_recipe, prepare

ROWS = 300


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_bert) -> Data:
    folder = tmp_path_factory.mktemp("lists")
    write_tiny_lists(folder, ROWS)
    recipe = {
        "data": {**tiny_lists_config(folder, max_items=5), "min_count": 3},
        "ctr_model": {"kind": "dnn", "hidden_sizes": [4]},
        "language_model": {"name": str(tiny_bert), "max_length": 128, "permute_values": 1},
        "method": {"kind": "clickprompt"},
    }
    return prepare(parse_recipe(recipe), folder / "prepared", SilentProgress())


@pytest.fixture(scope="module")
def frame(data) -> pl.DataFrame:
    return pl.read_parquet(data.table.folder.parent / "histories.parquet")


def items_of(batch: ClickBatch) -> dict[int, tuple[list[int], list[int]]]:
    """Embedding rows of each row's tags and history."""
    tags, history = batch.lists
    assert (tags.field, history.field) == (1, 2)

    def held(ids, row):
        return ids.members[ids.offsets[row] : ids.offsets[row + 1]].tolist()

    return {row: (held(tags, place), held(history, place)) for place, row in enumerate(batch.rows.tolist())}


def test_items_are_those_of_the_file(data, frame):
    table, texts = data.table, data.table.value_texts[0].to_pylist()
    offsets, oov = table.statistics.offsets, table.statistics.offsets[-1] + 2
    row_of = {text: row for row, text in enumerate(texts[: offsets[3]]) if row >= offsets[2]}
    start = 0
    for split in ("train", "validation", "test"):
        reader = data.reader([split], reads="ids")
        for batch in reader.in_order(64):
            assert (batch.feature_ids[:, 2] == oov).all()
            for row, (_, history) in items_of(batch).items():
                films = (frame["history"][start + row].to_list() if frame["history"][start + row] is not None else [])[
                    -5:
                ]
                assert history == [row_of.get(film, oov) for film in films or ["unknown"]]
        start += len(reader)
    assert start == ROWS


def drawn(data: Data, words: bool, **settings) -> dict[int, tuple[list[int], list[int]]]:
    reader = data.reader(["train"], reads="sentence" if words else "ids")
    steps = TrainingSteps(
        reader, **{"micro_batch_size": 7, "seed": 3, "oov_dropout": 0.3, "batch_size": 32, **settings}
    )
    return {row: items for step in steps.epoch(1) for batch in step for row, items in items_of(batch).items()}


def test_dropout_hangs_on_seed_epoch_row_and_place_alone(data):
    whole = drawn(data, words=False)
    assert len(whole) == len(data.reader(["train"], reads="ids"))
    assert whole == drawn(data, words=True, batch_size=50, micro_batch_size=3)
    assert whole != drawn(data, words=False, seed=4)


def test_dropout_takes_its_share_of_items_and_puts_the_fields_own_row(data):
    reader = data.reader(["train"], reads="ids")
    rows = np.arange(len(reader))
    plain, dropped = reader.ids(rows), reader.ids(rows, oov_dropout=0.3, seed=1)
    for field, lists in plain.lists.items():
        assert (lists.offsets == dropped.lists[field].offsets).all()
        changed = lists.rows != dropped.lists[field].rows
        known = lists.rows < reader.oov_rows[0]
        assert changed[known].mean() == pytest.approx(0.3, abs=0.05)
        assert (dropped.lists[field].rows[changed] == reader.oov_rows[field]).all()


def test_several_splits_one_after_another(data):
    both, last = data.reader(["train", "validation"], reads="ids"), data.reader(["validation"], reads="ids")
    shift = len(both) - len(last)
    joined = items_of(both.batch(np.arange(shift, len(both)), both.ids(np.arange(shift, len(both)))))
    alone = items_of(last.batch(np.arange(len(last)), last.ids(np.arange(len(last)))))
    assert {row - shift: items for row, items in joined.items()} == alone


def test_masked_fields_spare_lists(data):
    steps = TrainingSteps(
        data.reader(["train"], reads="ids"), batch_size=50, micro_batch_size=50, seed=0, mask_rate=0.5, hides=["fields"]
    )
    masked = torch.cat([batch.masked_fields for step in steps.epoch(0) for batch in step])
    assert masked[:, 0].float().mean() == pytest.approx(0.5, abs=0.1)
    assert not masked[:, 1:].any()


def test_sentences_read_the_cut_list(data, frame):
    texts = data.table.value_texts[0]
    row = next(row for row in range(200) if frame["history"][row] is not None and len(frame["history"][row]) > 5)
    values = [texts[int(value)].as_py() for value in data.table.split("train").value_ids[row]]
    films = ", ".join(frame["history"][row].to_list()[-5:])
    assert sentence_of(values, data.table.schema).endswith(f" history is {films}.")


def test_permuted_words_are_those_of_other_rows(data, frame):
    permutation, held = data.sentences.permutation, data.table.held
    texts, fields = data.table.value_texts
    for split in ("train", "validation", "test"):
        values = data.table.split(split).value_ids
        assert held[values].all()
        assert held[permutation[values]].all()
        assert (fields[permutation[values]] == np.arange(3)).all()
    names = {texts[int(value)].as_py() for value in np.flatnonzero(~held)}
    assert "hash 3" in names
    assert "film 3" in names


def test_members_are_asked_for(data):
    with pytest.raises(ValueError, match="there are list fields"):
        SplitReader([data.table.split("train")], data.table.embedding_rows, data.table.statistics)


def test_moving_a_batch_moves_its_lists(data):
    reader = data.reader(["test"], reads="ids")
    batch = reader.batch(np.arange(4), reader.ids(np.arange(4)))
    assert {ids.members.device.type for ids in batch.to("meta").lists} == {"meta"}
    assert {ids.offsets.device.type for ids in batch.to("meta").lists} == {"meta"}
