"""Value indices, against the definition written with dictionaries."""

from collections import Counter

import numpy as np
import pytest

from clickprompt.contracts import Field, TableSchema
from clickprompt.table.counting import counted
from clickprompt.table.factors import factorise, text_ranks
from clickprompt.table.values import number_values

SCHEMA = TableSchema(fields=(Field(name="color"), Field(name="price", kind="numeric"), Field(name="shape")))


def counts_of(factors, train):
    return [counted(of.codes, train, len(of.texts)) for of in factors]


@pytest.fixture
def columns():
    random = np.random.default_rng(5)
    color = [f"c{int(x)}" for x in random.zipf(1.6, 300) % 40]
    price = [None if x < 5 else float(np.round(x)) for x in random.gamma(2, 20, 300)]
    shape = list(random.choice(["round", "flat", None], 300))
    return color, price, shape


@pytest.mark.parametrize("min_count", [1, 3])
def test_rows_are_earned_by_training_frequency(columns, min_count):
    factors = [factorise(column, numeric=place == 1) for place, column in enumerate(columns)]
    train = np.arange(200)
    values = number_values(SCHEMA, factors, counts_of(factors, train), min_count, numeric_buckets=6)
    owned = int(values.offsets[-1])
    assert (values.embedding_rows[:owned] == np.arange(owned)).all()
    assert len(set(zip(values.fields, values.texts, strict=True))) <= len(values.texts)

    for place in (0, 2):
        texts = ["unknown" if cell is None else str(cell) for cell in columns[place]]
        seen = Counter(texts[:200])
        wanted = sorted((text for text in seen if seen[text] >= min_count), key=lambda text: (-seen[text], text))
        start, stop = values.offsets[place : place + 2]
        assert values.texts[start:stop] == wanted
        assert values.train_counts[start:stop].tolist() == [seen[text] for text in wanted]
        index = values.value_of_code[place][factors[place].codes]
        for row, text in enumerate(texts):
            assert values.texts[index[row]] == text
            assert values.fields[index[row]] == place
            earned = start + wanted.index(text) if text in wanted else owned + place
            assert values.embedding_rows[index[row]] == earned


def test_raw_numbers_borrow_their_bucket(columns):
    factors = [factorise(column, numeric=place == 1) for place, column in enumerate(columns)]
    values = number_values(SCHEMA, factors, counts_of(factors, np.arange(200)), 1, numeric_buckets=6)
    owned, (start, stop) = int(values.offsets[-1]), values.offsets[1:3]
    index = values.value_of_code[1][factors[1].codes]
    assert (index >= owned).all()
    numbers = np.array([np.nan if cell is None else cell for cell in columns[1]])
    rows = values.embedding_rows[index]
    for row in range(start, stop):
        inside = numbers[:200][rows[:200] == row]
        assert len(inside) == values.train_counts[row] > 0
        if np.isnan(inside).any():
            assert np.isnan(inside).all()
            assert values.texts[row] == "unknown"
    counts = values.train_counts[start:stop]
    assert (np.diff(counts) <= 0).all()
    assert counts.sum() == 200
    shown = [values.texts[i] for i in index]
    assert shown == ["unknown" if cell is None else f"{cell:.0f}" for cell in columns[1]]


def test_missing_numbers_unseen_in_training_are_out_of_vocabulary():
    schema = TableSchema(fields=(Field(name="price", kind="numeric"),))
    factors = [factorise([1.0, 2.0, None], numeric=True)]
    values = number_values(schema, factors, counts_of(factors, np.array([0, 1])), 1, numeric_buckets=4)
    index = values.value_of_code[0][factors[0].codes]
    assert values.embedding_rows[index].tolist() == [0, 1, 2]
    assert values.offsets.tolist() == [0, 2]


def test_texts_rank_by_code_point():
    texts = ["b", "ä", "B", "a", "", "𝔸", "\uffff"]
    assert [texts[i] for i in np.argsort(text_ranks(texts))] == sorted(texts)
