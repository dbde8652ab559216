"""Values and ids hidden in the same batch, as FLIP reads them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clickprompt.batches import TrainingSteps
from clickprompt.contracts import ClickBatch
from clickprompt.testing.tables import tiny_data_config, tiny_lists_config, write_tiny_lists
from clickprompt.text import uniforms
from clickprompt.workflows import Data, SilentProgress, parse_recipe, prepare

RATE = 0.2


def prepared(data: dict, folder, tiny_bert, max_length: int) -> Data:
    language = {"name": str(tiny_bert), "max_length": max_length}
    recipe = parse_recipe({"data": data, "language_model": language, "method": {"kind": "flip"}})
    return prepare(recipe, folder / "prepared", SilentProgress())


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_clicks, tiny_bert) -> Data:
    return prepared(tiny_data_config(tiny_clicks), tmp_path_factory.mktemp("flip"), tiny_bert, 40)


def epoch(data: Data, epoch: int = 0, hides=("values", "fields"), **settings) -> list[ClickBatch]:
    reader = data.reader(["train"], reads="sentence")
    settings = {"batch_size": 50, "micro_batch_size": 16, "seed": 7, "oov_dropout": 0.2, "mask_rate": RATE, **settings}
    return [batch for step in TrainingSteps(reader, hides=hides, **settings).epoch(epoch) for batch in step]


def by_row(data: Data, **settings) -> dict[int, tuple[list[int], list[bool]]]:
    """Masked tokens and hidden ids of each row."""
    return {
        row: (ids.tolist(), fields.tolist())
        for batch in epoch(data, **settings)
        for row, ids, fields in zip(
            batch.rows.tolist(),
            torch.tensor_split(batch.tokens.ids, batch.tokens.starts[1:]),
            batch.masked_fields,
            strict=True,
        )
    }


def test_the_intact_sentence_and_which_words_are_hidden_can_be_told(data):
    cut = 0
    for batch in epoch(data):
        values = data.table.split("train").value_ids[batch.rows.numpy()]
        intact, fields = (
            torch.from_numpy(x) for x in (data.sentences.lay_out(values)[0], data.sentences.value_fields(values))
        )
        hidden = torch.zeros(len(intact), dtype=torch.bool).index_fill(0, batch.masked.positions, True)
        assert torch.equal(batch.tokens.ids, intact.masked_fill(hidden, data.tokenizer.mask_id))
        assert torch.equal(batch.masked.targets, intact[hidden])
        row = torch.arange(len(batch)).repeat_interleave(
            torch.tensor([n for c, n in batch.tokens.runs for _ in range(c)])
        )
        for place in range(len(batch)):
            of_hidden = set(fields[hidden & (row == place)].tolist())
            assert of_hidden
            assert -1 not in of_hidden
            assert hidden[(row == place) & torch.isin(fields, torch.tensor(sorted(of_hidden)))].all()
        cut += sum(int(c) for c, n in batch.tokens.runs if n == 40)
        assert batch.masked.most == max(int((hidden & (row == place)).sum()) for place in range(len(batch)))
    assert cut > 100


def test_each_row_has_an_id_hidden_where_any_can_be(data):
    alone = 0
    for batch in epoch(data):
        known = (batch.feature_ids < int(data.table.statistics.offsets[-1])).numpy()
        draws = uniforms(7, 0, 102, batch.rows.numpy(), np.arange(5))
        hidden = known & (draws < RATE)
        lowest = np.where(known, draws, 2).argmin(1)
        none = known.any(1) & ~hidden.any(1)
        hidden[none, lowest[none]] = True
        np.testing.assert_array_equal(batch.masked_fields.numpy(), hidden)
        alone += none.sum()
    assert alone > 100


def test_what_masked_field_hides_is_as_ever(data):
    for batch in epoch(data, hides=("fields",)):
        known = (batch.feature_ids < int(data.table.statistics.offsets[-1])).numpy()
        draws = uniforms(7, 0, 102, batch.rows.numpy(), np.arange(5))
        np.testing.assert_array_equal(batch.masked_fields.numpy(), known & (draws < RATE))
        assert batch.masked is None


def test_draws_hang_on_seed_epoch_and_row_alone(data):
    drawn = by_row(data)
    assert by_row(data, batch_size=30, micro_batch_size=7) == drawn
    other = by_row(data, epoch=1)
    for side in (0, 1):
        assert np.mean([other[row][side] != drawn[row][side] for row in drawn]) > 0.5


def test_both_sides_are_drawn_apart(data):
    together = []
    for batch in epoch(data, oov_dropout=0.0):
        values = data.table.split("train").value_ids[batch.rows.numpy()]
        fields = torch.from_numpy(data.sentences.value_fields(values))
        row = torch.searchsorted(batch.tokens.starts, batch.masked.positions, right=True) - 1
        words = torch.zeros_like(batch.masked_fields)
        words[row, fields[batch.masked.positions].long()] = True
        together.append(torch.stack([words.flatten(), batch.masked_fields.flatten()]))
    words, ids = torch.cat(together, 1).double()
    assert abs(float(torch.corrcoef(torch.stack([words, ids]))[0, 1])) < 0.06


def test_lists_are_hidden_as_words_and_never_as_ids(tmp_path, tiny_bert):
    write_tiny_lists(tmp_path, 300)
    lists = prepared(tiny_lists_config(tmp_path, max_items=3), tmp_path, tiny_bert, 128)
    words = 0
    for batch in epoch(lists):
        assert not batch.masked_fields[:, 1:].any()
        assert batch.masked_fields[:, 0].equal(batch.feature_ids[:, 0] < int(lists.table.statistics.offsets[-1]))
        fields = lists.sentences.value_fields(lists.table.split("train").value_ids[batch.rows.numpy()])
        words += (fields[batch.masked.positions.numpy()] == 2).sum()
    assert words > 100
