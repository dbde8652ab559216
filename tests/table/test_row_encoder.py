"""Rows looked up cell by cell, against the vocabulary's own encoding of columns."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickprompt.contracts import Field, TableSchema
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary
from clickprompt.table.buckets import Buckets
from clickprompt.table.row_encoder import RowEncoder
from clickprompt.table.vocabulary import field_statistics

FIELDS = {
    Field(name="user", side="user"): ["u1", "7", "Café", "true", "0.5", "unknown", "1, 2"],
    Field(name="title", kind="text", side="item"): ["Toy Story", "u1", "\\ud800"],
    Field(name="price", kind="numeric", side="item"): ["(-∞, 1]", "(1, 2.5]", "unknown"],
    Field(name="city", hash_rows=5): [f"hash {row}" for row in range(5)],
    Field(name="tags", kind="list", separator="|", max_items=2, keep="first"): ["red", "7", "Café"],
    Field(name="history", kind="list", max_items=3): ["u1", "red", "unknown", "true"],
    Field(name="words", kind="list", hash_rows=4, separator=" "): [f"hash {row}" for row in range(4)],
    Field(name="position", score_as=7): ["7", "1"],
    Field(name="hour", kind="numeric", score_as=12): ["(-∞, ∞)"],
}
NAMES = [field.name for field in FIELDS]


@pytest.fixture(scope="module")
def vocabulary():
    schema = TableSchema(fields=tuple(FIELDS))
    texts = list(FIELDS.values())
    offsets = np.cumsum([0, *map(len, texts)])
    array = pa.array([text for some in texts for text in some], pa.large_string())
    outside = int(offsets[-1]) + 2
    price = Buckets(np.array([1, 2.5]), np.array([offsets[2], offsets[2] + 1, outside, offsets[2] + 2], np.int32))
    hour = Buckets(np.array([]), np.array([offsets[8], outside + 6], np.int32))
    statistics = field_statistics(schema, offsets, np.ones(len(array), np.int64))
    return Vocabulary(schema, array, statistics, {"price": price, "hour": hour})


@pytest.fixture(scope="module")
def encoder(vocabulary):
    return RowEncoder(vocabulary)


def expected(vocabulary, columns):
    """What the vocabulary says of these columns: ids, padded lists, unseen; or its error."""
    try:
        encoded = vocabulary.encode(columns)
    except ClickPromptError as error:
        return str(error)
    lists = {}
    for place, members in encoded.members.items():
        of_row = members.take(encoded.text_codes[:, place])
        lists[place] = np.full((len(of_row), of_row.lengths.max()), -1)
        lists[place][of_row.owners(), of_row.positions()] = of_row.rows
    return encoded.feature_ids, lists, encoded.unseen


def check(run, wanted):
    if isinstance(wanted, str):
        with pytest.raises(ClickPromptError) as caught:
            run()
        assert str(caught.value) == wanted
        assert len(wanted.encode().splitlines()) == 1
        return
    ids, lists, unseen = wanted
    found = run()
    assert found.rows == len(ids)
    assert found.feature_ids.dtype == np.int64
    assert found.feature_ids.flags.c_contiguous
    assert found.feature_ids.tolist() == ids.tolist()
    assert found.lists.keys() == lists.keys()
    for place, rows in lists.items():
        assert found.lists[place].dtype == np.int64
        assert found.lists[place].tolist() == rows.tolist()
    assert found.unseen == unseen


known = st.sampled_from(["u1", " u1\t", "7", "Café", "Cafe\u0301", "Toy Story", "red|7||Café", "a b  c", "unknown", ""])
numbers = st.sampled_from(["3.0", "1", " 2.5 ", "1e400", "NaN", "n/a", "2,5", 1, 2.5, -0.0, np.float32(0.1), 2**70])
scalars = st.one_of(
    known,
    numbers,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=6),
    st.binary(max_size=4),
    st.sampled_from([Decimal("1.50"), dt.date(2024, 5, 1), np.int8(7), b"Caf\xc3\xa9", "\u3000u1\x1c\u0085", "x" * 70]),
)
cells = st.one_of(
    scalars, st.lists(scalars, max_size=5), st.sampled_from([(), ("u1", 7), [["u1"]], {"a": 1}, 10**5_000])
)
good = {name: known if name not in ("price", "hour") else st.sampled_from([0, 1.0, "2.5", None, 9]) for name in NAMES}
any_row = st.fixed_dictionaries({}, optional={**dict.fromkeys(NAMES, scalars), "price": numbers, "extra": scalars})
good_row = st.fixed_dictionaries({}, optional={**good, "history": st.lists(scalars, max_size=5)})
wild_row = st.dictionaries(st.sampled_from([*NAMES, "extra"]), cells, max_size=3)
rows_strategy = st.one_of(st.lists(row, min_size=1, max_size=4) for row in (any_row, good_row, wild_row))


@settings(deadline=None, max_examples=30)
@given(rows_strategy, st.one_of(good_row, any_row))
@example([{"history": ["u1", None, "", "red", "new", "true"]}, {"history": []}, {}], {"words": "a b c", "price": "3.0"})
@example([{"price": 1}, {"price": "cheap\nor \ud800"}], {"user": "u1"})
@example([{"user": "u1"}, {"user": 7}], {"price": "cheap"})
@example([{"title": "\ud800"}, {"tags": "\udfff|red"}, {"words": "\ud800 a", "city": "\ud800"}], {})
@example([{"title": 10**5_000}], {})
def test_rows_encode_as_columns_do(vocabulary, encoder, rows, shared):
    merged = [{**shared, **row} for row in rows]
    given = [name for name in NAMES if any(name in row for row in merged)]
    columns = {name: [row.get(name) for row in merged] for name in given}
    if not columns:
        columns = {"user": [None] * len(rows)}
        rows = [{"user": None}] * len(rows)
    wanted = expected(vocabulary, columns)
    check(lambda: encoder.encode_rows(rows, shared), wanted)
    check(lambda: encoder.encode_columns(columns, len(rows)), wanted)


def test_no_rows_and_no_fields(vocabulary, encoder):
    for nothing in (encoder.encode_rows([], {"price": "cheap"}), encoder.encode_columns({"user": []}, 0)):
        assert nothing.rows == 0
        assert nothing.feature_ids.shape == (0, 9)
        assert {place: rows.shape for place, rows in nothing.lists.items()} == {4: (0, 1), 5: (0, 1), 6: (0, 1)}
        assert nothing.unseen == {}
    missing = encoder.encode_rows([{}, {"extra": 1}], {})
    assert missing.unseen == encoder.encode_columns({}, 2).unseen == {}
    assert missing.feature_ids.tolist() == encoder.encode_columns({}, 2).feature_ids.tolist()
    assert missing.feature_ids[0].tolist() == vocabulary.encode({"user": [None]}).feature_ids[0].tolist()


def test_a_rows_own_value_wins_over_the_shared_one(encoder):
    found = encoder.encode_rows([{"user": "7"}, {}, {"user": None}], {"user": "u1", "title": "u1", "price": 2})
    assert found.feature_ids[:, 0].tolist() == [1, 0, 5]
    assert found.feature_ids[:, 1].tolist() == [8] * 3
    assert found.unseen == {}
    assert encoder.encode_rows([{}, {}], {"title": "new"}).unseen == {"title": 2}


def test_fields_with_score_as_take_no_input(encoder):
    found = encoder.encode_rows([{"position": "1", "hour": "no number"}], {"position": {}})
    assert found.feature_ids[0, 7:].tolist() == [29, 31]
    assert found.unseen == {}


def test_columns_of_another_length(encoder):
    with pytest.raises(ClickPromptError, match=r"column 'user' has 2 rows; expected 3"):
        encoder.encode_columns({"user": ["u1", "u2"]}, 3)
