"""`/v1/explain` and `/v1/examples`, beside what `/v1/score` says."""

from __future__ import annotations

import pytest
from page_server import ask

ROW = {"user": "u3", "watched": ["film 1, the"], "town": "t9", "item": "i5", "title": "old lamp 5", "price": 25.5}


def score(shop, row):
    return ask(f"{shop}/v1/score", {"candidates": [row]})[1]["scores"][0]


def test_each_field_is_hidden_once(shop):
    status, answer, _ = ask(f"{shop}/v1/explain", {"row": ROW})
    assert (status, answer["model"], answer["version"], answer["unseen"]) == (200, "shop", "7", [])
    assert answer["probability"] == pytest.approx(score(shop, ROW), abs=1e-6)
    assert list(answer["fields"]) == ["user", "watched", "town", "item", "title", "tags", "price"]
    for field, stranger in (("user", "nobody"), ("watched", ["no film"]), ("item", "i99"), ("title", "x")):
        without = score(shop, {**ROW, field: stranger})
        assert answer["fields"][field]["probability_without"] == pytest.approx(without, abs=1e-6)
        assert answer["fields"][field]["change"] == pytest.approx(score(shop, ROW) - without, abs=1e-6)
    assert len({reason["change"] for reason in answer["fields"].values()}) == 7


def test_values_not_seen_in_training_are_told(shop):
    row = {**ROW, "title": "new here", "watched": ["film 1, the", "no film"], "town": "any hash is known"}
    answer = ask(f"{shop}/v1/explain", {"row": row, "model": "shop", "version": 7})[1]
    assert sorted(answer["unseen"]) == ["title", "watched"]
    assert answer["fields"]["title"]["change"] == pytest.approx(0, abs=1e-7)


def test_a_row_may_be_empty(shop):
    answer = ask(f"{shop}/v1/explain", {"row": {}})[1]
    assert answer["probability"] == pytest.approx(score(shop, {}), abs=1e-6)
    assert answer["unseen"] == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"row": {"titel": "x"}}, 400, "row: 'titel' is not a field (did you mean title?)"),
        ({"row": {"position": 2}}, 400, "row: position is always scored as 1; leave it out"),
        ({"row": {"price": "cheap"}}, 400, 'price is "cheap"'),
        ({"row": [1]}, 400, "row: expected an object"),
        ({"rows": {}}, 400, "rows is unknown (did you mean row?)"),
        ({"row": {}, "model": "shoop"}, 404, "shoop"),
        ({"row": {}, "version": "8"}, 404, "8"),
    ],
)
def test_what_is_wrong_is_told(shop, body, status, said):
    got, answer, _ = ask(f"{shop}/v1/explain", body)
    assert got == status
    assert said in answer["error"]


def test_examples_are_values_that_training_held(shop):
    status, answer, _ = ask(f"{shop}/v1/examples?model=shop&version=7")
    fields = {field["name"]: field for field in answer["fields"]}
    assert (status, answer["version"], list(fields)[3]) == (200, "7", "position")
    assert (fields["position"]["input"], fields["position"]["score_as"]) == (False, 1)
    assert (fields["tags"]["separator"], fields["watched"]["max_items"], fields["user"]["side"]) == ("|", 3, "user")
    assert fields["town"]["examples"] == fields["position"]["examples"] == []
    assert set(fields["tags"]["examples"]) == {"new", "cheap", "warm"}
    known = {
        name: [field["examples"][0]] if field["kind"] == "list" else field["examples"][0]
        for name, field in fields.items()
        if field["examples"]
    }
    assert ask(f"{shop}/v1/explain", {"row": known})[1]["unseen"] == []
    assert ask(f"{shop}/v1/examples?model=other")[0] == 404


def test_they_stand_on_the_openapi_page(shop):
    page = ask(f"{shop}/openapi.json")[1]
    body = page["paths"]["/v1/explain"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = page["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert set(schema["properties"]) == {"row", "model", "version"}
    assert {query["name"] for query in page["paths"]["/v1/examples"]["get"]["parameters"]} == {"model", "version"}
    assert "/" not in page["paths"]
