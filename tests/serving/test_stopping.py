"""A server that stops, is followed by another, or swaps its model loses no request."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from dataclasses import replace

import pytest
from callers import Callers
from server_thread import Shop, serving, wait_until

from clickprompt.serving.supervisor import bound_socket

SCORE = {"candidates": [{"item": "i1"}]}


@pytest.fixture
def shop(shop_bundle):
    return Shop(shop_bundle)


def test_what_is_in_flight_is_answered_and_what_comes_meanwhile_too(shop):
    scorer = shop.hold()
    with serving(shop, drain_seconds=0.4) as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        idle.request("GET", "/v2")
        assert idle.getresponse().read()
        found = []
        caller = threading.Thread(target=lambda: found.append(server.ask("/v1/score", SCORE)))
        caller.start()
        assert scorer.entered.acquire(timeout=5)

        server.in_loop(server.server.stop)
        wait_until(lambda: server.server.serving.draining)
        status, content, answer = server.ask("/v2/health/ready")
        assert (status, answer.headers["Connection"]) == (503, "close")
        assert "stop" in content["error"]
        assert server.ask("/v2/health/live")[0] == 200
        idle.request("GET", "/v2")
        answer = idle.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        idle.close()

        wait_until(lambda: server.server.should_exit)
        assert not server.ended()
        scorer.go.set()
        caller.join()
        assert found[0][0] == 200
        wait_until(server.ended)


def test_idle_connections_are_closed_at_the_end(shop):
    with serving(shop, drain_seconds=0.05) as server, contextlib.closing(server.connect()) as idle:
        server.in_loop(server.server.stop)
        assert idle.recv(1) == b""
        wait_until(server.ended)


def test_a_request_half_read_when_the_server_ends_is_answered(shop):
    with serving(shop, drain_seconds=0.0) as server, contextlib.closing(server.connect()) as late:
        late.sendall(b"GET /v2 HTTP/1.1\r\n")
        wait_until(lambda: server.server.server_state.connections)
        server.in_loop(server.server.stop)
        wait_until(lambda: server.server.should_exit)
        late.sendall(b"Host: x\r\n\r\n")
        assert late.recv(4096).startswith(b"HTTP/1.1 200 OK")
        wait_until(server.ended)


def test_another_server_on_the_same_socket_takes_over(shop):
    with bound_socket("127.0.0.1", 0) as listener:
        old = contextlib.ExitStack()
        first = old.enter_context(serving(shop, listener.dup(), drain_seconds=0.2))
        with Callers(first.port, json.dumps(SCORE)) as callers, serving(shop, listener.dup()) as second:
            wait_until(lambda: callers.found[200] > 20)
            first.in_loop(first.server.retire)
            wait_until(first.ended)
            before = callers.found[200]
            wait_until(lambda: callers.found[200] > before + 20)
            assert second.counted("clickprompt_rows_total", model="shop", version="7") > 10
            callers.stop()
        old.close()
    assert set(callers.found) == {200}


def test_a_swap_of_versions_fails_no_request(shop):
    with serving(shop) as server, Callers(server.port, json.dumps(SCORE)) as callers:
        for version in map(str, range(8, 28)):
            shop.model = replace(shop.model, version=version)
            wait_until(lambda expected=version: callers.versions[expected] > 0)
        callers.stop()
    assert set(callers.found) == {200}
    assert set(callers.versions) <= set(map(str, range(7, 28)))
