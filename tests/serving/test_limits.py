"""Oversized, slow, truncated and garbled requests are cut off; the server stays well."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest
from server_thread import Shop, received, serving, wait_until

from clickprompt.serving.supervisor import bound_socket

READ_SECONDS = 0.25
SCORE = {"candidates": [{"item": "i1"}]}


@pytest.fixture(scope="module")
def server(shop_bundle):
    limits = {"max_body_bytes": 20_000, "max_rows": 20, "max_header_bytes": 4096, "read_seconds": READ_SECONDS}
    with serving(Shop(shop_bundle), keep_alive_seconds=1, **limits) as served:
        yield served


def sent(server, *pieces: bytes, pause: float = 0.0, half_close: bool = False) -> tuple[int, str, float]:
    """Status, error and seconds until the server closed, after these pieces were sent."""
    with contextlib.closing(server.connect()) as connection:
        started = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
        seconds = time.monotonic() - started
    if not answer:
        return 0, "", seconds
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"] if body.startswith(b"{") else "", seconds


def post(body: bytes, *headers: str, path: str = "/v1/score", length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(autouse=True)
def stays_well(server):
    yield
    assert server.ask("/v1/score", SCORE)[0] == 200


def test_large_bodies_are_refused_by_their_announced_length(server):
    status, content, _ = server.ask("/v1/score", b"x" * 20_001)
    assert (status, "20,000 bytes" in content["error"]) == (413, True)


def test_large_bodies_are_refused_as_they_are_counted(server):
    pieces = b"".join(b"3e8\r\n" + b" " * 1000 + b"\r\n" for _ in range(21))
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert sent(server, head, pieces)[0] == 413


def test_whoever_goes_on_sending_is_cut_off(server):
    with contextlib.closing(server.connect()) as connection:
        connection.sendall(post(b"", length=10**12))
        assert b" 413 " in connection.recv(4096)
        pieces = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while pieces < 1000:
                connection.sendall(b" " * 10_000)
                pieces += 1
                time.sleep(0.001)
        assert pieces < 1000


def test_a_connection_lives_on_after_a_refused_body(server):
    with contextlib.closing(server.connect()) as connection:
        connection.sendall(post(b"x" * 20_001) + post(json.dumps(SCORE).encode(), "Connection: close"))
        answers = received(connection)
    assert answers.count(b"HTTP/1.1 413 ") == 1
    assert answers.count(b"HTTP/1.1 200 ") == 1


def test_who_waits_for_leave_to_send_is_told_at_once(server):
    status, _, seconds = sent(server, post(b"", "Expect: 100-continue", length=10**9))
    assert status == 413
    assert seconds < READ_SECONDS


def test_who_waits_for_leave_to_send_gets_it(server):
    body = json.dumps(SCORE).encode()
    with contextlib.closing(server.connect()) as connection:
        connection.sendall(post(b"", "Expect: 100-continue", "Connection: close", length=len(body)))
        assert b" 100 " in connection.recv(4096)
        connection.sendall(body)
        assert b" 200 " in received(connection)


def test_too_many_rows_are_refused(server):
    status, content, _ = server.ask("/v1/score", {"candidates": [{}] * 21})
    assert (status, content["error"]) == (413, "21 rows in one request; at most 20 are taken")


@pytest.mark.parametrize(
    "pieces",
    [
        [b"POST /v1/sc", *[b"o"] * 60],
        [b"GET /v2 HTTP/1.1\r\nHost: x\r\n", *[b"X-A: b\r\n"] * 60],
        [post(b"", length=100), *[b" "] * 60],
        [b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 60],
        [b"\r\n"] * 60,
    ],
    ids=["address", "headers", "body", "chunks", "nothing"],
)
def test_slow_requests_are_cut_off(server, pieces):
    before = server.counted("clickprompt_refused_total", reason="too_slow")
    status, error, seconds = sent(server, *pieces, pause=0.01)
    assert seconds < READ_SECONDS + 0.6
    if pieces[0] == b"\r\n":
        assert status == 0
    else:
        assert (status, "0.25 s" in error) == (408, True)
        assert server.counted("clickprompt_refused_total", reason="too_slow") == before + 1


def test_silent_connections_are_closed(server):
    assert sent(server)[2] < READ_SECONDS + 0.6


def test_idle_connections_are_kept_and_then_closed(server):
    with contextlib.closing(server.connect()) as connection:
        for _ in range(2):
            connection.sendall(post(json.dumps(SCORE).encode()))
            assert b" 200 " in connection.recv(4096)
            time.sleep(2 * READ_SECONDS)
        started = time.monotonic()
        assert received(connection) == b""
        assert time.monotonic() - started < 1.5


def test_truncated_requests_end_with_their_connection(server):
    assert sent(server, post(b'{"candidates"', length=100), half_close=True)[2] < READ_SECONDS
    assert sent(server, b"POST /v1/sc", half_close=True)[2] < READ_SECONDS


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"a" * 300_000, 414),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 5000 + b"\r\n\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 101 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET  HTTP/1.1\r\n\r\n", 400),
        (b"BREW /v2 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2 HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (post(b"", "Transfer-Encoding: chunked"), 400),
        (post(b"", "Content-Length: 5"), 400),
        (post(b"", length=10**30), 400),
        (b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nA\x00b: c\r\n\r\n", 400),
        (post(b"{}", "Content-Encoding: gzip", "Connection: close"), 415),
    ],
)
def test_what_is_no_decent_request_is_refused_in_words(server, request_, status):
    found, error, seconds = sent(server, request_)
    assert (found, bool(error)) == (status, True)
    assert seconds < READ_SECONDS + 0.6


def test_one_endless_header_is_cut_off(server):
    assert sent(server, b"GET /v2 HTTP/1.1\r\nX-A: ", *[b"a" * 4000] * 3, pause=0.02)[0] == 431


def test_an_upgrade_is_passed_over(server):
    body = json.dumps(SCORE).encode()
    upgrade = post(body, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    with contextlib.closing(server.connect()) as connection:
        connection.sendall(upgrade)
        assert b" 200 " in connection.recv(4096)
        connection.sendall(post(body, "Connection: close"))
        assert b" 200 " in received(connection)


def test_pipelined_requests_are_answered_in_order(server):
    with contextlib.closing(server.connect()) as connection:
        many = [post(json.dumps({"candidates": [{}] * n}).encode()) for n in range(1, 6)]
        connection.sendall(b"".join(many) + b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = received(connection).split(b"HTTP/1.1 ")[1:]
    counts = [len(json.loads(answer.partition(b"\r\n\r\n")[2])["scores"]) for answer in answers[:-1]]
    assert counts == [1, 2, 3, 4, 5]


def test_many_small_requests_are_not_taken_for_one_with_long_headers(server):
    requests = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 300 + b"GET /v2 HTTP/1.0\r\n\r\n"
    with contextlib.closing(server.connect()) as connection:
        for start in range(0, len(requests), 1000):
            connection.sendall(requests[start : start + 1000])
        assert received(connection).count(b"HTTP/1.1 200 OK") == 301


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "HEAD", "PATCH"])
def test_wrong_methods_are_405(server, method):
    status, content, answer = server.ask("/v1/score", method=method)
    assert (status, answer.headers["Allow"]) == (405, "POST")
    assert method == "HEAD" or content["error"] == "this address answers POST alone"


def test_head_is_answered_without_a_body(server):
    status, content, answer = server.ask("/v2/health/ready", method="HEAD")
    assert (status, content, answer.headers["Content-Length"]) == (200, "", "14")


def test_more_connections_than_allowed_are_refused(shop_bundle):
    with serving(Shop(shop_bundle), max_connections=2) as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(contextlib.closing(server.connect()))
        assert sent(server)[0] == 503
        assert server.counted("clickprompt_refused_total", reason="too_many_connections") == 1


def test_requests_beyond_the_queue_and_beyond_their_time_are_refused(shop_bundle):
    repository = Shop(shop_bundle)
    scorer = repository.hold()
    with serving(repository, max_waiting=1, timeout_seconds=0.3) as server:
        found = []
        first = threading.Thread(target=lambda: found.append(server.ask("/v1/score", SCORE)))
        first.start()
        assert scorer.entered.acquire(timeout=5)
        status, content, answer = server.ask("/v1/score", SCORE)
        assert (status, answer.headers["Retry-After"], bool(content["error"])) == (503, "1", True)
        first.join()
        assert found[0][0] == 504
        assert "0.3 s" in found[0][1]["error"]
        assert server.counted("clickprompt_refused_total", reason="overloaded") == 1
        assert server.counted("clickprompt_refused_total", reason="timed_out") == 1
        scorer.go.set()
        assert server.ask("/v1/score", SCORE)[0] == 200


def test_what_nobody_waits_for_is_not_scored(shop_bundle):
    repository = Shop(shop_bundle)
    scorer = repository.hold()
    with serving(repository) as server:
        busy = server.connect()
        busy.sendall(post(json.dumps(SCORE).encode()))
        assert scorer.entered.acquire(timeout=5)
        gone = server.connect()
        gone.sendall(post(json.dumps(SCORE).encode()))
        while server.server.serving.engine.waiting < 2:
            time.sleep(0.005)
        gone.close()
        while server.server.serving.engine.waiting > 1:
            time.sleep(0.005)
        scorer.go.set()
        assert b" 200 " in busy.recv(4096)
        busy.close()
        assert server.counted("clickprompt_refused_total", reason="gone") == 1
        assert scorer.runs == 1


def test_who_asks_and_never_reads_is_cut_off(server):
    with contextlib.closing(server.connect()) as connection:
        connection.settimeout(READ_SECONDS * 4)
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            for _ in range(3000):
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        wait_until(lambda: server.counted("clickprompt_requests_in_flight") == 0)
        wait_until(lambda: not server.server.server_state.connections)


def test_who_leaves_the_end_of_its_last_answer_unread_is_cut_off(shop_bundle):
    listener = bound_socket("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # so little that some stays with the server
    with serving(Shop(shop_bundle), listener, read_seconds=READ_SECONDS) as server, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_until(lambda: server.server.server_state.connections)
        wait_until(lambda: not server.server.server_state.connections, READ_SECONDS + 2)
