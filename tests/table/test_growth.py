from __future__ import annotations

import numpy as np
import pytest

from clickprompt.table import grow
from clickprompt.table.lists import factorise_field
from clickprompt.table.score_as import with_score_texts


@pytest.fixture
def vocabulary(tiny, prepare):
    tiny["source"]["fields"][1]["score_as"] = "Oslo"
    return prepare(tiny).vocabulary()


def values(vocabulary, field: str) -> dict[str, int]:
    """Counts of training rows by text, in the order of embedding rows."""
    place = vocabulary.schema.names.index(field)
    own = slice(*vocabulary.statistics.offsets[place : place + 2])
    return dict(zip(vocabulary.texts[own].to_pylist(), vocabulary.statistics.counts[own].tolist(), strict=True))


def factors(schema, **columns):
    """Of three rows; fields that are not named are as in the first user's life."""
    usual = {"user": ["u1"] * 3, "city": ["Oslo"] * 3, "item": ["i1"] * 3, "title": ["x"] * 3, "price": [5, 7, None]}
    columns = usual | columns
    return with_score_texts(schema, [factorise_field(columns[field.name], field) for field in schema.fields])


ALL = np.arange(3)


def test_old_values_keep_their_rows_and_counts_add_up(vocabulary):
    before = {name: values(vocabulary, name) for name in vocabulary.schema.names}
    growth = grow(vocabulary, factors(vocabulary.schema, user=["new", "u1", "new"]), ALL, min_count=1)
    grown, old = growth.vocabulary, vocabulary.statistics
    after = values(grown, "user")
    assert after == before["user"] | {"new": 2, "u1": before["user"]["u1"] + 1}
    assert list(after) == sorted(after, key=lambda text: (-after[text], text))
    texts, old_texts = grown.texts.to_pylist(), vocabulary.texts.to_pylist()
    fields = np.repeat(np.arange(5), np.diff(grown.statistics.offsets))
    old_fields = np.repeat(np.arange(5), np.diff(old.offsets))
    for row, origin in enumerate(growth.origin[: len(texts)]):
        if origin >= 0:
            assert (fields[row], texts[row]) == (old_fields[origin], old_texts[origin])
        else:
            assert texts[row] in ("new", "x")
    assert growth.origin[len(texts) :].tolist() == list(range(old.offsets[-1], old.num_embeddings))
    assert growth.added == {"user": 1, "title": 1}
    assert growth.dropped == {}


def test_rows_outside_training_and_rare_values_earn_nothing(vocabulary):
    some = factors(vocabulary.schema, user=["new", "u1", "new"], item=["n1", "n1", "n2"])
    growth = grow(vocabulary, some, np.array([0, 1]), min_count=2)
    assert growth.added == {"item": 1, "title": 1}
    assert values(growth.vocabulary, "item")["n1"] == 2


def test_numbers_keep_their_buckets(vocabulary):
    growth = grow(vocabulary, factors(vocabulary.schema, user=["a", "b", "c"]), ALL, min_count=1)
    numbers = ["-3", "5", "12.5", "1000", "unknown"]
    rows = growth.vocabulary.rows_of(4, numbers)
    assert growth.origin[rows].tolist() == vocabulary.rows_of(4, numbers).tolist()
    before, after = (sum(values(v, "price").values()) for v in (vocabulary, growth.vocabulary))
    assert after == before + 3


def test_ages_count_updates_that_did_not_see_a_value(vocabulary):
    schema, ages = vocabulary.schema, None
    grown = vocabulary
    for user in ("new", "u1", "u1"):
        growth = grow(grown, factors(schema, user=[user] * 3), ALL, 1, ages, drop_unseen=3)
        grown, ages = growth.vocabulary, growth.ages
    texts = grown.texts.to_pylist()
    assert ages[texts.index("new")] == 2
    assert ages[texts.index("u1")] == 0
    assert growth.dropped["user"] == len(values(vocabulary, "user")) - 1
    assert growth.dropped["city"] == len(values(vocabulary, "city")) - 1
    assert "price" not in growth.dropped
    growth = grow(grown, factors(schema, city=["Lima"] * 3), ALL, 1, ages, drop_unseen=1)
    assert set(values(growth.vocabulary, "user")) == {"u1"}
    assert set(values(growth.vocabulary, "city")) == {"Lima", "Oslo"}  # scoring reads Oslo


def test_a_field_may_lose_its_last_value_and_stay_empty(vocabulary):
    schema, ages = vocabulary.schema, None
    for _ in range(2):
        growth = grow(vocabulary, factors(schema, user=["a", "b", "c"]), ALL, 2, ages, drop_unseen=1)
        vocabulary, ages = growth.vocabulary, growth.ages
        assert values(vocabulary, "user") == {}


def test_items_of_lists_grow_and_hashed_rows_stay(tmp_path, prepare):
    from clickprompt.testing.tables import tiny_lists_config, write_tiny_lists

    write_tiny_lists(tmp_path)
    vocabulary = prepare(tiny_lists_config(tmp_path)).vocabulary()
    schema, before = vocabulary.schema, values(vocabulary, "history")
    columns = {
        "user": ["u1", "u2", "nobody"],
        "tags": ["red", "red|new", ""],
        "history": [["film 1", "film 1"], ["film 99"], []],
    }
    growth = grow(vocabulary, [factorise_field(columns[f.name], f) for f in schema.fields], ALL, min_count=1)
    after = values(growth.vocabulary, "history")
    assert after == before | {
        "film 1": before["film 1"] + 1,
        "film 99": 1,
        "unknown": before.get("unknown", 0) + 1,
    }
    assert growth.origin[:16].tolist() == list(range(16))
    names = ["u1", "somebody"]
    assert growth.vocabulary.rows_of(0, names).tolist() == vocabulary.rows_of(0, names).tolist()
    assert sum(values(growth.vocabulary, "user").values()) == sum(values(vocabulary, "user").values()) + 3
