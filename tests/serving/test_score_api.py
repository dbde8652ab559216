"""`/v1/score`: the scores of the bundle itself, in order, and wrong input told in words."""

from __future__ import annotations

import pytest
from server_thread import Shop, serving

from clickprompt.bundle import Predictor, load_bundle

CONTEXT = {"user": "u1", "watched": ["film 1, the", "film 2, the"], "town": "t3"}
CANDIDATES = [
    {"item": "i1", "title": "red lamp 1", "tags": "new|cheap", "price": 5.5},
    {"item": "i2", "title": None, "tags": ["warm"], "price": "7", "user": "u2"},
    {"item": "i3", "price": None},
    {},
]


@pytest.fixture(scope="module")
def server(shop_bundle):
    with serving(Shop(shop_bundle)) as served:
        yield served


def refused(server, body, status=400):
    found, content, _ = server.ask("/v1/score", body)
    assert found == status
    assert set(content) == {"error"}
    return content["error"]


def test_scores_are_those_of_the_bundle_in_order(server, shop_bundle):
    status, content, _ = server.ask("/v1/score", {"context": CONTEXT, "candidates": CANDIDATES})
    names = ("user", "watched", "town", "item", "title", "tags", "price")
    rows = [{name: {**CONTEXT, **candidate}.get(name) for name in names} for candidate in CANDIDATES]
    columns = {name: [row[name] for row in rows] for name in names}
    expected = Predictor(load_bundle(shop_bundle)).predict({**columns, "position": [1] * 4})
    assert status == 200
    assert (content["model"], content["version"]) == ("shop", "7")
    assert content["scores"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert len(set(content["scores"])) == 4


def test_many_candidates_are_scored_as_few_are(server):
    few = server.ask("/v1/score", {"context": CONTEXT, "candidates": CANDIDATES})[1]["scores"]
    many = server.ask("/v1/score", {"context": CONTEXT, "candidates": CANDIDATES * 300})[1]["scores"]
    assert many == pytest.approx(few * 300, abs=1e-6)


@pytest.mark.parametrize("extra", [{}, {"model": "shop"}, {"model": "shop", "version": "7"}, {"version": 7}])
def test_model_and_version_may_be_named(server, extra):
    assert server.ask("/v1/score", {"candidates": [{}], **extra})[0] == 200


def test_no_candidates_no_scores(server):
    assert server.ask("/v1/score", {"context": CONTEXT, "candidates": []})[1]["scores"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"context": CONTEXT}, "candidates is missing"),
        ({"contxt": {}, "candidates": []}, "contxt is unknown (did you mean context?)"),
        ({"candidates": {"item": "i1"}}, "candidates: expected a list"),
        ({"candidates": [{}, "i1"]}, "candidates.1: expected an object"),
        ({"candidates": [{}, {"prise": 1}]}, "candidates.1: 'prise' is not a field (did you mean price?)"),
        ({"context": {"usr": "u1"}, "candidates": []}, "context: 'usr' is not a field (did you mean user?)"),
        ({"context": {"position": 3}, "candidates": [{}]}, "context: position is always scored as 1; leave it out"),
        ({"candidates": [{"price": "cheap"}]}, "price"),
        ({"candidates": [{"price": 1e999}]}, "not JSON"),
        ({"candidates": [{}, {"item": {"id": 1}}]}, "item"),
        ({"candidates": [{}], "version": 1.5}, "version"),
        ([1], "the body: expected an object"),
        (b"", "the body is not JSON"),
        (b'{"candidates": [{"price": NaN}]}', "the body is not JSON"),
        (b'{"candidates": [{"price": 1e999}]}', "price"),
        (b'{"candidates": [{"item": "\\ud800"}]}', "the body is not JSON"),
        (b'{"candidates": [{"item": "\xff"}]}', "the body is not JSON"),
        (b'{"candidates": [{"item": ' + b"[" * 100_000, "recursion"),
        (b'{"candidates": [{"price": ' + b"9" * 5000 + b"}]}", "number out of range"),
    ],
)
def test_wrong_input_is_told_in_words(server, body, said):
    assert said in refused(server, body)


def test_unknown_models_and_versions_are_404(server):
    assert "shoe" in refused(server, {"candidates": [{}], "model": "shoe"}, 404)
    assert "8" in refused(server, {"candidates": [{}], "version": "8"}, 404)


def test_of_a_name_given_twice_the_last_counts(server):
    once = server.ask("/v1/score", b'{"candidates": [{"item": "i1"}]}')[1]["scores"]
    assert server.ask("/v1/score", b'{"candidates": [{"item": "i2", "item": "i1"}]}')[1]["scores"] == once


def test_the_content_type_does_not_matter(server):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.ask("/v1/score", b'{"candidates": []}', headers)[0] == 200


def test_what_is_served_is_listed(server):
    content = server.ask("/v1/models")[1]
    (model,) = content["models"]
    (version,) = model["versions"]
    assert (model["name"], version["version"]) == ("shop", "7")
    assert {"name": "tags", "kind": "list", "side": "item"} in version["fields"]
    assert "position" not in {field["name"] for field in version["fields"]}
    assert content["faults"] == [{"name": "shop", "version": "8", "error": "shop/8: weights.safetensors is damaged"}]
