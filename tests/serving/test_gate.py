"""What every request meets: token, id, errors as JSON, log."""

from __future__ import annotations

import json
import logging

import pytest
from pydantic import SecretStr
from server_thread import Shop, serving, wait_until

from clickprompt.serving.logs import JsonLines

SCORE = {"context": {"user": "secret user"}, "candidates": [{"item": "i1"}]}
TOKEN = "abc-123"


@pytest.fixture(scope="module")
def shop(shop_bundle):
    return Shop(shop_bundle)


@pytest.fixture(scope="module")
def guarded(shop):
    with serving(shop, token=SecretStr(TOKEN)) as server:
        yield server


@pytest.fixture(scope="module")
def server(shop):
    with serving(shop, access_log=True) as server:
        yield server


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer abc-12", "Bearer abc-1234", f"Basic {TOKEN}", TOKEN])
@pytest.mark.parametrize("path", ["/v1/score", "/v1/models", "/v2", "/v2/models/shop", "/nothing", "/v1/examples"])
def test_without_the_token_nothing_is_told(guarded, path, given):
    body = SCORE if path == "/v1/score" else None
    status, content, answer = guarded.ask(path, body, {} if given is None else {"Authorization": given})
    assert (status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in content["error"]


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
def test_with_the_token_all_is_answered(guarded, given):
    assert guarded.ask("/v1/score", SCORE, {"Authorization": given})[0] == 200


@pytest.mark.parametrize("path", ["/", "/v2/health/live", "/v2/health/ready", "/metrics", "/docs", "/openapi.json"])
def test_health_metrics_and_pages_are_open(guarded, path):
    assert guarded.ask(path)[0] == 200


def test_docs_load_nothing_and_name_every_address(server):
    _, page, answer = server.ask("/docs")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "src=" not in page
    for path in server.ask("/openapi.json")[1]["paths"]:
        assert path in page


def test_openapi_names_only_schemas_that_it_holds(server):
    _, content, _ = server.ask("/openapi.json")
    used = {part.partition('"')[0] for part in json.dumps(content).split("#/components/schemas/")[1:]}
    assert "ScoreRequest" in used
    assert "InferRequest" in used
    assert used <= content["components"]["schemas"].keys()


def test_requests_keep_their_id_or_get_one(server):
    assert server.ask("/v2", headers={"X-Request-ID": "mine-1"})[2].headers["X-Request-ID"] == "mine-1"
    ids = {
        server.ask("/v2", headers={"X-Request-ID": given})[2].headers["X-Request-ID"]
        for given in ("", "a b", "x" * 129)
    }
    assert len(ids) == 3
    assert not ids & {"", "a b", "x" * 129}


def test_unknown_addresses_are_404_in_json(server):
    for path in ("/v1/scores", "/v1/score/", "/v2/models/shop/infer/x", "/%00", "/page/../gate.py"):
        status, content, _ = server.ask(path)
        assert (status, bool(content["error"])) == (404, True)


def test_a_failure_tells_the_caller_nothing_and_the_log_all(server, shop, monkeypatch, caplog):
    def fail(*arguments):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(shop.model.scorer, "encode_rows", fail)
    status, content, answer = server.ask("/v1/score", SCORE)
    assert status == 500
    assert "inside" not in content["error"]
    (record,) = [record for record in caplog.records if record.name == "clickprompt.serving"]
    line = json.loads(JsonLines().format(record))
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["event"] == "request failed"
    assert line["level"] == "error"
    assert "ZeroDivisionError: inside" in line["traceback"]


def test_each_request_is_a_line_of_json_without_its_values(server, capfd):
    server.ask("/v1/score", SCORE, {"X-Request-ID": "mine-2"})
    server.ask("/v2/models/shop/versions/9")
    server.ask("/elsewhere")
    said: list[str] = []

    def all_said() -> bool:  # a line is written once its answer has gone
        said.append(capfd.readouterr().err)
        return "".join(said).count("\n") == 3

    wait_until(all_said)
    lines = [json.loads(line) for line in "".join(said).splitlines()]
    assert "secret" not in json.dumps(lines)
    scored, unknown, nowhere = lines
    assert scored.pop("milliseconds") > 0
    assert scored.pop("time").startswith("20")
    assert scored == {
        "level": "info",
        "event": "request",
        "request_id": "mine-2",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v1/score",
        "model": "shop",
        "version": "7",
        "rows": 1,
        "status": 200,
    }
    assert (unknown["path"], unknown["status"], unknown["model"]) == ("/v2/models/{name}/versions/{version}", 404, "")
    assert (nowhere["path"], nowhere["status"]) == ("/elsewhere", 404)


def test_the_access_log_can_be_turned_off(guarded, capfd):
    guarded.ask("/v2/health/live")
    assert capfd.readouterr().err == ""


def test_log_lines_carry_what_they_are_given():
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s failed", ("it",), None)
    record.more = {"path": "a"}
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["event"], line["path"]) == ("warning", "it failed", "a")
