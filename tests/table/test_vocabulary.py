"""Encoding new rows: the same rows get the same embedding rows; the rest is counted and kept as text."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary, read_rows


@pytest.fixture
def table(tiny, prepare):
    return prepare({**tiny, "min_count": 3})


@pytest.fixture
def vocabulary(table, tmp_path):
    table.vocabulary().save(tmp_path)
    return Vocabulary.load(tmp_path)


def test_save_and_load_keep_everything(table, vocabulary):
    fresh = table.vocabulary()
    assert vocabulary.schema == fresh.schema
    assert vocabulary.texts.equals(fresh.texts)
    assert (vocabulary.statistics.offsets == table.statistics.offsets).all()
    assert (vocabulary.statistics.counts == table.statistics.counts).all()
    assert vocabulary.statistics.sides == ("user", "user", "item", "item", "item")
    assert vocabulary.statistics.num_embeddings == len(vocabulary.texts) + 5
    for name, buckets in fresh.buckets.items():
        assert (vocabulary.buckets[name].edges == buckets.edges).all()
        assert (vocabulary.buckets[name].rows == buckets.rows).all()


@pytest.mark.parametrize("wrap", [pl.Series.to_list, lambda s: s, lambda s: s.to_arrow(), pl.Series.to_numpy])
def test_serving_encodes_as_preparing_did(wrap, table, vocabulary, tmp_path):
    frame = read_rows(tmp_path / "clicks.csv")
    rows = vocabulary.encode({name: wrap(frame[name]) for name in frame.columns})
    splits = [table.split(name) for name in ("train", "validation", "test")]
    ids = np.concatenate([split.value_ids for split in splits])
    assert (rows.feature_ids == table.embedding_rows[ids]).all()
    assert rows.feature_ids.dtype == rows.text_codes.dtype == np.int32
    texts = table.value_texts[0].to_pylist()
    for place in range(5):
        assert [rows.texts[place][code] for code in rows.text_codes[:, place]] == [texts[i] for i in ids[:, place]]
    outside = (rows.feature_ids == vocabulary.statistics.offsets[-1] + np.arange(5)).sum(axis=0)
    assert rows.unseen == {n: c for n, c in zip(vocabulary.schema.names, outside.tolist(), strict=True) if c}
    assert rows.missing_columns == ()


def test_numbers_find_their_bucket_however_they_are_written(vocabulary):
    rows = [
        vocabulary.encode({"price": prices}).feature_ids[:, 4].tolist()
        for prices in (
            [3.5, 20.0, None],
            ["3.50", "20", "NA"],
            np.array([3.5, 20, np.nan], dtype=np.float32),
            pl.Series([3.5, 20, None]),
            pa.array([3.5, 20, None]),
        )
    ]
    assert all(ids == rows[0] for ids in rows)
    owned = vocabulary.statistics.offsets
    assert all(owned[4] <= row < owned[5] for row in rows[0])


def test_unseen_values_and_missing_columns_are_reported(vocabulary):
    rows = vocabulary.encode({"user": ["u1", "nobody", None, " u1"], "city": ["Oslo"] * 4, "extra": [1, 2, 3, 4]})
    owned = int(vocabulary.statistics.offsets[-1])
    assert rows.feature_ids[:, 0].tolist()[1:3] == [owned, owned]
    assert rows.feature_ids[0, 0] == rows.feature_ids[3, 0] < owned
    assert rows.unseen == {"user": 2}
    assert rows.missing_columns == ("item", "title", "price")
    assert (rows.feature_ids[:, 2] == owned + 2).all()
    assert rows.texts[0] == ["u1", "nobody", "unknown"]
    assert rows.texts[2] == ["unknown"]


def test_a_vocabulary_of_nothing_but_rare_values(tiny, prepare, tmp_path):
    prepare({**tiny, "min_count": 10_000}, "rare").vocabulary().save(tmp_path)
    vocabulary = Vocabulary.load(tmp_path)
    assert vocabulary.statistics.num_embeddings == 5
    assert vocabulary.encode({"user": ["u1"], "price": [3]}).feature_ids.tolist() == [[0, 1, 2, 3, 4]]


def test_no_rows_at_all(vocabulary):
    rows = vocabulary.encode({"user": [], "price": []})
    assert rows.feature_ids.shape == (0, 5)
    assert rows.unseen == {}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"usr": ["u1"]}, "the rows have none of the fields; expected columns such as user, city"),
        ({"user": ["u1"], "item": []}, "column 'item' has 0 rows, but 'user' has 1"),
        ({"user": ["u1", "u2"], "price": [1, "cheap"]}, 'row 2: price is "cheap"; expected a number'),
        ({"user": ["u1", {"a": 1}]}, "row 2: user is a mapping; expected a text"),
    ],
)
def test_rows_that_cannot_be_read(columns, message, vocabulary):
    with pytest.raises(ClickPromptError) as caught:
        vocabulary.encode(columns)
    assert str(caught.value).startswith(message)
