"""Nearly right bodies: scores, or a 4xx that says what is wrong; soon, and never a 5xx.

`FUZZ_EXAMPLES=5000 pytest tests/serving/test_mutated_bodies.py` looks for longer than the tests do.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged, mutated, to_bytes
from server_thread import serving

from clickprompt.serving.config import ServingConfig
from clickprompt.serving.repository import Repository

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 25))
SOON = 3.0
LONGEST = 1_000
many = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
SCORE: dict[str, Any] = {
    "context": {"user": "u1", "watched": ["film 1, the", "film 2, the"], "town": "t3"},
    "candidates": [
        {"item": "i1", "title": "red lamp 1", "tags": "new|cheap", "price": 5.5},
        {"item": "i2", "title": None, "tags": "", "price": "7"},
    ],
    "model": "bundle",
    "version": "1",
}
EXPLAIN = {"model": "bundle", "version": "1", "row": {**SCORE["context"], **SCORE["candidates"][0]}}
INFER = {
    "id": "one",
    "inputs": [
        {"name": "user", "shape": [2], "datatype": "BYTES", "data": ["u1", "u2"]},
        {"name": "watched", "shape": [2, 2], "datatype": "BYTES", "data": ["film 1, the", "film 2, the", "", ""]},
        {"name": "tags", "shape": [2, 1], "datatype": "BYTES", "data": [["new|cheap"], [""]]},
        {"name": "price", "shape": [2], "datatype": "FP64", "data": [5.5, None]},
    ],
    "outputs": [{"name": "probability"}],
}
BODIES = {
    "/v1/score": SCORE,
    "/v1/explain": EXPLAIN,
    "/v2/models/bundle/infer": INFER,
    "/v2/models/bundle/versions/1/infer": INFER,
}
Post = Callable[[str, bytes], tuple[int, Any]]


@pytest.fixture(scope="module")
def post(shop_bundle, shop_cache) -> Iterator[Post]:
    """Ask the server, as it runs in production, on one connection that must stay open."""
    repository = Repository(shop_bundle, ServingConfig(cache=shop_cache))
    repository.load()
    with (
        contextlib.closing(repository),
        serving(repository) as served,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=SOON)) as connection,
    ):

        def ask(path: str, body: bytes) -> tuple[int, Any]:
            started = time.monotonic()
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert time.monotonic() - started < SOON
            assert answer.getheader("Content-Type") == "application/json"
            return answer.status, json.loads(content)

        yield ask


def check(status: int, answer: Any) -> None:
    """Probabilities, or an error of one line."""
    if status == 200:
        outputs = answer["outputs"][0]["data"] if "outputs" in answer else []
        scores = answer.get("scores", outputs) or [answer.get("probability", 0.5)]
        assert all(0 <= score <= 1 for score in scores)
        return
    assert status in (400, 404, 413), (status, answer)
    assert set(answer) == {"error"}
    assert answer["error"].splitlines() == [answer["error"].strip()] != [""]
    assert len(answer["error"]) <= LONGEST


@pytest.mark.parametrize("path", BODIES)
def test_bodies_are_right_to_begin_with(post, path):
    status, answer = post(path, json.dumps(BODIES[path]).encode())
    assert status == 200, answer


@pytest.mark.parametrize("path", BODIES)
@many
@given(data=st.data())
def test_changed_bodies_are_scored_or_refused(post, path, data):
    check(*post(path, to_bytes(data.draw(mutated(BODIES[path])))))


@pytest.mark.parametrize("path", ["/v1/score", "/v2/models/bundle/infer"])
@many
@given(data=st.data())
def test_damaged_bodies_are_scored_or_refused(post, path, data):
    check(*post(path, data.draw(damaged(BODIES[path]))))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"context": {}}, "candidates"),
        ({"candidates": [], "contxt": {}}, "context"),
        ({"candidates": [{"itme": "i1"}]}, "item"),
        ({"candidates": [{"item": "i1"}, {"price": "abc"}]}, "price"),
        ({"candidates": [{"item": "i1"}], "version": "7"}, "7"),
        ({"candidates": {"item": "i1"}}, "candidates"),
        ({"candidates": [{"position": 3}]}, "position"),
        ({"candidates": [], "x" * 100_000: 1}, "candidates"),
        ({"candidates": [], "a\nb": 1}, "a"),
    ],
)
def test_errors_name_what_is_wrong_and_are_short(post, body, word):
    status, answer = post("/v1/score", json.dumps(body).encode())
    check(status, answer)
    assert word in answer["error"]


def test_candidates_score_as_they_do_alone(post):
    alone = []
    for candidate in SCORE["candidates"]:
        _, answer = post("/v1/score", json.dumps({**SCORE, "candidates": [candidate]}).encode())
        alone += answer["scores"]
    _, together = post("/v1/score", json.dumps(SCORE).encode())
    assert together["scores"] == pytest.approx(alone, abs=1e-6)
    assert alone[0] != alone[1]
