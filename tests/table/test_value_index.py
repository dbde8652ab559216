"""The index of values, against a dict of each field's texts."""

import mmh3
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary
from clickprompt.table.value_index import VALUE_INDEX_FILE, ValueIndex
from clickprompt.testing.bundles import write_large_bundle

SCHEMA = TableSchema(
    fields=(
        Field(name="user"),
        Field(name="price", kind="numeric"),
        Field(name="tags", kind="list"),
        Field(name="city", hash_rows=9),
        Field(name="title", kind="text"),
    )
)
KEYED = (0, 2, 4)


def build(texts):
    """The index of these texts, field by field."""
    array = pa.array([text for some in texts for text in some], pa.large_string())
    return ValueIndex.build(array, np.cumsum([0, *map(len, texts)]), SCHEMA)


def check(index, texts, strangers=()):
    start = 0
    for place, some in enumerate(texts):
        known = {text: start + number for number, text in enumerate(some)} if place in KEYED else {}
        for text in {*strangers, *(text for others in texts for text in others)}:
            assert index.find(place, text) == known.get(text), (place, text)
        start += len(some)


words = st.text("abé\0", max_size=3)


@settings(deadline=None, max_examples=15)
@given(st.tuples(*[st.lists(words, unique=True, max_size=12)] * 5), st.lists(words, max_size=10))
@example([[], [], [], [], []], ["", "a"])
@example([["a"], ["a"], ["a"], ["a"], ["a"]], [""])
def test_each_field_finds_its_own_texts_and_no_others(texts, strangers):
    check(build(texts), texts, strangers)


def test_what_would_wrap_around_stands_in_the_tail():
    crowd = [text for text in map(str, range(1_000)) if mmh3.hash(text, 0, signed=False) % 8 == 7]
    index = build([crowd[:4], [], [], [], []])
    assert index.slots.tolist() == [-1] * 7 + [0, 1, 2, 3, -1]
    check(index, [crowd[:4], [], [], [], []], crowd[4:])


def test_thousands_of_texts_on_disk(tmp_path):
    texts = [[f"{place} {number}" for number in range(5_000)] for place in range(5)]
    built = build(texts)
    built.save(tmp_path)
    array = pa.array(["before", *(text for some in texts for text in some)], pa.large_string()).slice(1)
    index = ValueIndex.open(tmp_path, array, np.cumsum([0, *map(len, texts)]))
    assert isinstance(index.slots, np.memmap)
    assert (np.flatnonzero(index.slots >= 0).size, len(index.slots) - 1) == (15_000, pytest.approx(32_768, abs=50))
    for place in KEYED:
        rows = [index.find(place, text) for text in texts[place]]
        assert rows == list(range(5_000 * place, 5_000 * place + 5_000))
        assert all(index.find(place, text) is None for text in texts[place - 1])


def test_a_folder_without_an_index_and_a_damaged_one(tmp_path):
    texts, offsets = pa.array(["a"], pa.large_string()), np.array([0, 1])
    assert ValueIndex.open(tmp_path, texts, offsets) is None
    for content in (np.zeros(8, np.int32), np.full(8, -1, np.int64), np.full((2, 8), -1, np.int32)):
        np.save(tmp_path / VALUE_INDEX_FILE, content)
        with pytest.raises(ClickPromptError, match=r"value_index.npy: damaged, .* make .* again"):
            ValueIndex.open(tmp_path, texts, offsets)
    (tmp_path / VALUE_INDEX_FILE).write_bytes(b"text")
    with pytest.raises(ClickPromptError, match="damaged"):
        ValueIndex.open(tmp_path, texts, offsets)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write_large_bundle(tmp_path_factory.mktemp("large") / "bundle", 30_000, 6, 4, numeric=1, hashed=1)


def test_loading_copies_neither_texts_nor_counts(large):
    before = pa.total_allocated_bytes()
    vocabulary = Vocabulary.load(large)
    assert pa.total_allocated_bytes() <= before
    assert not vocabulary.statistics.counts.flags.owndata
    assert isinstance(vocabulary.index.slots, np.memmap)
    assert vocabulary.index.find(2, vocabulary.texts[int(vocabulary.statistics.offsets[2])].as_py()) is not None


def test_names_of_hashes_are_not_saved_and_bundles_without_an_index_read_the_same(large, tmp_path):
    vocabulary = Vocabulary.load(large)
    start, stop = vocabulary.statistics.offsets[4:6].tolist()
    texts = vocabulary.texts.to_pylist()
    assert stop - start == vocabulary.schema.fields[4].hash_rows > 1_000
    assert set(texts[start:stop]) == {""}
    assert all(texts[:start] + texts[stop:])
    for name in ("vocabulary.arrow", "vocabulary.json"):
        (tmp_path / name).write_bytes((large / name).read_bytes())
    older = Vocabulary.load(tmp_path)
    assert older.saved_index is None
    rows = {"field_00": ["v00-00000007", "v01-00000007", None], "field_04": ["a", "b", "c"], "field_05": [5, -1, None]}
    first, second = vocabulary.encode(rows), older.encode(rows)
    assert (first.feature_ids == second.feature_ids).all()
    assert first.feature_ids[:, 0].tolist() == [7, 30_000, 30_000]
    assert first.unseen == second.unseen == {"field_00": 2}
