"""Rows read as two sentences, and as vectors of their values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clickprompt.batches import Sides, SplitReader, TrainingSteps, ValueVectors
from clickprompt.batches.sides import distinct_rows, side_columns
from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.workflows import Data, SilentProgress, parse_recipe, prepare


@pytest.fixture
def data(tiny_recipe, tmp_path) -> Data:
    return prepare(parse_recipe(tiny_recipe), tmp_path / "prepared", SilentProgress())


def sentences_of(side) -> list[list[int]]:
    return [ids.tolist() for ids in torch.tensor_split(side.tokens.ids, side.tokens.starts[1:])]


def test_distinct_rows_are_those_of_the_textbook():
    random = np.random.default_rng(0)
    for columns in ([0], [2, 0], [0, 1, 2, 3]):
        values = random.integers(0, 4, (200, 4)).astype(np.int32)
        first, of_row = distinct_rows(values, np.array(columns))
        expected = np.unique(values[:, columns], axis=0)
        np.testing.assert_array_equal(values[first][:, columns], expected)
        np.testing.assert_array_equal(expected[of_row], values[:, columns])
    first, of_row = distinct_rows(np.zeros((0, 4), np.int32), np.array([0, 1]))
    assert len(first) == len(of_row) == 0


def test_numbers_beyond_32_bits_are_told_apart():
    large = 2**31 - 1
    values = np.array([[large, large, 0], [large, 0, large], [0, large, large], [large, large, 0]], np.int32)
    first, of_row = distinct_rows(values, np.array([0, 1, 2]))
    assert len(first) == 3
    assert of_row[0] == of_row[3]


def test_context_is_known_with_the_user():
    fields = (Field(name="hour"), Field(name="item", side="item"), Field(name="user", side="user"))
    user, item = side_columns(TableSchema(fields=fields))
    assert user.tolist() == [0, 2]
    assert item.tolist() == [1]


@pytest.mark.parametrize(("side", "other"), [("user", "item"), ("item", "context")])
def test_an_empty_side_is_refused(side, other):
    schema = TableSchema(fields=(Field(name="a", side=other), Field(name="b", side=other)))
    with pytest.raises(ClickPromptError, match=rf"no field has side {side} \(a, b\).*set side: {side}"):
        side_columns(schema)


def test_sides_are_the_sentences_of_their_fields_each_once_and_shorter_ones_first(data):
    reader = data.reader(["train"], reads="sides")
    rows = np.arange(100)
    batch = reader.batch(rows, reader.ids(rows))
    assert batch.tokens is None
    assert batch.has_sentences
    texts, _ = data.table.value_texts
    values = data.table.split("train").value_ids[rows]
    names = data.table.schema.names
    for side, columns in zip(batch.sides, ([0, 1], [2, 3, 4]), strict=True):
        sentences = sentences_of(side)
        lengths = [len(ids) for ids in sentences]
        assert lengths == sorted(lengths)
        assert len(sentences) == len(np.unique(values[:, columns], axis=0)) == len(set(map(tuple, sentences)))
        for row, of in enumerate(side.of_row.tolist()):
            spoken = " ".join(f"{names[c]} is {texts[int(values[row, c])].as_py()}." for c in columns)
            whole = data.tokenizer.encode([spoken])[0][0]
            assert sentences[of] == [*data.tokenizer.prefix_ids, *whole, *data.tokenizer.suffix_ids]


def test_micro_batches_of_sides_are_of_near_equal_length_and_one_draw(data):
    reader = data.reader(["train"], reads="sides")

    def steps(size):
        return next(TrainingSteps(reader, batch_size=50, micro_batch_size=size, seed=7).epoch(0))

    fine, coarse = steps(8), steps(50)
    assert len(fine) == 7
    assert len(coarse) == 1
    assert {int(r) for b in fine for r in b.rows} == {int(r) for b in coarse for r in b.rows}
    lengths = np.concatenate([reader.lengths(batch.rows.numpy()) for batch in fine])
    assert (np.diff(lengths) >= 0).all()
    both = sum(side.tokens.ids.numel() for side in fine[0].sides)
    assert both <= reader.lengths(fine[0].rows.numpy()).sum()


def test_a_fixed_value_stands_in_every_sentence(data):
    plain = data.reader(["train"], reads="sides")
    value = int(plain.value_ids[3, 2])
    fixed = SplitReader(
        [data.table.split("train")],
        data.table.embedding_rows,
        data.table.statistics,
        fixed={2: value},
        sides=Sides(data.sentences, data.table.schema),
    )
    rows = np.arange(20)
    values = np.array(plain.values_of(rows))
    assert len(set(values[:, 2])) > 5
    values[:, 2] = value
    expected = Sides(data.sentences, data.table.schema).read(values)
    for got, wanted in zip(fixed.batch(rows, fixed.ids(rows)).sides, expected, strict=True):
        assert sentences_of(got) == sentences_of(wanted)
        assert torch.equal(got.of_row, wanted.of_row)


def test_vectors_are_those_of_the_rows_values(data):
    vectors = np.random.default_rng(0).normal(size=(len(data.table.held), 3)).astype(np.float32)
    permutation = np.arange(len(vectors))[::-1].copy()
    for held in (ValueVectors(vectors), ValueVectors(vectors, permutation)):
        reader = SplitReader(
            [data.table.split("train")], data.table.embedding_rows, data.table.statistics, vectors=held
        )
        rows = np.array([5, 0, 77])
        batch = reader.batch(rows, reader.ids(rows))
        spoken = data.table.split("train").value_ids[rows]
        if held.permutation is not None:
            spoken = permutation[spoken]
        np.testing.assert_array_equal(batch.value_vectors.numpy(), vectors[spoken])
        assert not batch.has_sentences
        whole = next(TrainingSteps(reader, batch_size=64, micro_batch_size=8, seed=1).epoch(0))
        assert len(whole) == 1
