from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickprompt.bundle import Predictor
from clickprompt.serving import encoded_ids
from clickprompt.serving.graph_cache import GRAPH, GraphCache
from clickprompt.serving.id_scorer import IdScorer
from clickprompt.serving.loading import check
from clickprompt.serving.scorer import Scored
from clickprompt.serving.word_scorer import WordScorer
from clickprompt.settings import ClickPromptError
from clickprompt.table import Vocabulary

ROWS = [
    {"user": "u3", "watched": ["film 1, the"], "town": "t1", "item": "i2", "title": "old lamp 2", "tags": "new|cheap"},
    {"user": " u3 ", "watched": [], "item": "i2", "tags": "", "price": "12.5", "position": 4},
    {"user": "nobody", "watched": ["film 2, the", "?", None, "film 3, the", "film 4, the"], "tags": "warm|??"},
    {"price": 1e9, "tags": None, "title": "e\N{COMBINING ACUTE ACCENT}\u3000"},
    {},
]


@pytest.fixture(scope="module")
def predictor(shop_bundle) -> Predictor:
    return Predictor.load(shop_bundle)


@pytest.fixture(scope="module")
def by_ids(shop_bundle, shop_cache) -> IdScorer:
    entry = GraphCache(shop_cache).place(shop_bundle)
    return IdScorer(Vocabulary.load(entry), entry / GRAPH)


@pytest.fixture(scope="module")
def by_words(shop_bundle) -> WordScorer:
    """Scores any bundle, one that reads ids alone as well."""
    return WordScorer(shop_bundle, "float32")


@pytest.fixture(params=["by_ids", "by_words"])
def scorer(request):
    return request.getfixturevalue(request.param)


def scored(scorer, rows, shared=None) -> Scored:
    (answer,) = scorer.score([scorer.encode_rows(rows, shared or {})])
    return answer


def test_rows_score_as_the_predictor_says(scorer, predictor):
    expected = predictor.score(ROWS)
    answer = scored(scorer, ROWS)
    assert answer.probability.dtype == np.float32
    np.testing.assert_allclose(answer.probability, expected.probability, atol=1e-6)
    assert np.ptp(answer.probability) > 0.01
    assert answer.unseen == expected.unseen


def test_columns_score_as_rows(scorer):
    columns = {name: [row.get(name) for row in ROWS] for name in scorer.schema.names}
    (answer,) = scorer.score([scorer.encode_columns(columns, len(ROWS))])
    np.testing.assert_array_equal(answer.probability, scored(scorer, ROWS).probability)


def test_a_shared_value_is_each_rows_unless_it_has_its_own(scorer):
    rows = [{"item": "i1"}, {"item": "i2", "user": "u5"}]
    answer = scored(scorer, rows, {"user": "u3", "watched": ["film 1, the"], "price": 7})
    alone = [{"user": "u3", "watched": ["film 1, the"], "price": 7, **row} for row in rows]
    np.testing.assert_array_equal(answer.probability, scored(scorer, alone).probability)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.sampled_from(ROWS), min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_together_or_in_parts_they_score_as_alone(by_ids, by_words, requests, data):
    for scorer in (by_ids, by_words):
        encoded = [scorer.encode_rows(rows, {}) for rows in requests]
        alone = [scored(scorer, rows) for rows in requests]
        for one, other in zip(scorer.score(encoded), alone, strict=True):
            np.testing.assert_allclose(one.probability, other.probability, atol=1e-6)
            assert one.unseen == other.unseen
        cut = data.draw(st.integers(0, encoded[0].rows))
        parts = [part for part in (encoded[0].part(0, cut), encoded[0].part(cut, encoded[0].rows)) if part.rows]
        together = scorer.score(parts)
        np.testing.assert_allclose(
            np.concatenate([part.probability for part in together]), alone[0].probability, atol=1e-6
        )
        assert encoded[0].part(0, 1).rows == 1


def test_unseen_values_are_counted_in_one_part_alone(scorer):
    encoded = scorer.encode_rows([{"user": "nobody"}] * 3, {})
    first, second = scorer.score([encoded.part(0, 1), encoded.part(1, 3)])
    assert (first.unseen, second.unseen) == ({"user": 3}, {})


def test_explaining_puts_a_value_that_no_row_held_in_place_of_each(scorer, predictor):
    row = {**ROWS[0], "price": 20}
    probability, without = scorer.explain(row)
    assert set(without) == {field.name for field in scorer.schema.fields} - {"position"}
    np.testing.assert_allclose(probability, predictor.predict([row])[0], atol=1e-6)
    for name, strange in {"user": "nobody", "watched": ["?"], "item": "?", "title": "?", "tags": ["?"]}.items():
        np.testing.assert_allclose(without[name], predictor.predict([{**row, name: strange}])[0], atol=1e-6)
    assert abs(without["price"] - probability) > 1e-6
    assert abs(without["town"] - probability) > 1e-6


def test_both_ways_of_scoring_explain_alike(by_ids, by_words):
    for row in ROWS:
        (first, of_ids), (second, of_words) = by_ids.explain(row), by_words.explain(row)
        np.testing.assert_allclose([first, *of_ids.values()], [second, *of_words.values()], atol=1e-6)
        assert of_ids.keys() == of_words.keys()


def test_examples_are_known_values_the_most_frequent_first(scorer):
    known = scorer.examples(3)
    counts, offsets = scorer.vocabulary.statistics.counts, scorer.vocabulary.statistics.offsets
    assert known["user"] == scorer.vocabulary.texts.slice(offsets[0], 3).to_pylist()
    assert counts[offsets[0]] == counts[offsets[0] : offsets[1]].max()
    assert known["town"] == []
    assert "position" not in known
    assert len(known["price"]) == 3
    assert scored(scorer, [{name: values[0] for name, values in known.items() if values}]).unseen == {}
    assert "unknown" not in scorer.examples(100)["tags"]


def test_a_value_that_cannot_be_used_is_named(scorer):
    with pytest.raises(ClickPromptError, match='row 2: price is "dear"; expected a number'):
        scorer.encode_rows([{}, {"price": "dear"}], {})


def test_long_lists_come_in_pieces_and_too_long_ones_are_refused(by_ids, predictor, monkeypatch):
    rows = [{"tags": "new|" * 30}, {"tags": "warm"}, {}] * 5
    monkeypatch.setattr(encoded_ids, "_MOST_ITEMS", 65)
    assert [piece.rows for piece in encoded_ids.pieces([by_ids.encode_rows(rows, {})])] == [2] * 7 + [1]
    np.testing.assert_allclose(scored(by_ids, rows).probability, predictor.predict(rows), atol=1e-6)
    monkeypatch.setattr(encoded_ids, "_MOST_CELLS", 400)
    for encode in (
        lambda: by_ids.encode_rows(rows, {"tags": "new|" * 30}),
        lambda: by_ids.encode_columns({"tags": ["n|" * 60] * 15}, 15),
    ):
        with pytest.raises(ClickPromptError, match=r"tags: a list of [36]1 items among 15 rows; at most 26 items"):
            encode()
    by_ids.encode_rows([{"watched": ["a"] * 900}] * 100, {})  # three are kept


def test_a_model_that_does_not_score_or_not_twice_the_same_is_refused(by_ids):
    answers = iter([0.5, 0.5, 0.5, 0.25, 1.5, 1.5, np.nan, np.nan])

    class Strange:
        schema, examples, encode_rows = by_ids.schema, by_ids.examples, staticmethod(by_ids.encode_rows)

        def score(self, requests):
            return [SimpleNamespace(probability=np.full(requests[0].rows, next(answers)))]

    check(Strange(), "here")
    with pytest.raises(ClickPromptError, match=r"here: scores the same rows as \[0.5, .* then as \[0.25"):
        check(Strange(), "here")
    for _ in range(2):
        with pytest.raises(ClickPromptError, match=r"here: scores \[(1.5|nan), .* expected probabilities"):
            check(Strange(), "here")


def test_a_file_that_is_no_graph_is_refused(by_ids, tmp_path):
    (tmp_path / GRAPH).write_bytes(b"no graph")
    with pytest.raises(ClickPromptError, match=r"model\.onnx: not a graph that ONNX Runtime reads"):
        IdScorer(by_ids.vocabulary, tmp_path / GRAPH)


def test_scoring_by_ids_loads_no_pytorch(shop_bundle, shop_cache):
    import subprocess

    program = (
        "import sys; from pathlib import Path; from clickprompt.serving.repository import Repository\n"
        "from clickprompt.serving.config import ServingConfig\n"
        f"r = Repository(Path({str(shop_bundle)!r}), ServingConfig(cache={str(shop_cache)!r})); r.load()\n"
        "assert r.find().scorer.explain({})[0] > 0\n"
        "print([name for name in ('torch', 'polars', 'pandas', 'onnx') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr
