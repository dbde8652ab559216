"""The load generator against a server whose delays, closings and failures are known."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest


class Known:
    """A server of one connection's behaviour: `delay` seconds an answer, one stall of 400 ms, closings as asked."""

    def __init__(self) -> None:
        self.delay, self.stall_at, self.close_each, self.break_each, self.status = 0.0, 0, 0, 0, 200
        self.asked, self.bodies = 0, set[bytes]()
        self.port = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._started.wait()

    async def _run(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._done.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await server.wait_closed()
        while self._open:
            await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                self.bodies.add(await reader.readexactly(length))
                self.asked += 1
                number = self.asked
                if number == self.stall_at:
                    time.sleep(0.4)  # the whole server stands still
                await asyncio.sleep(self.delay)
                if self.break_each and number % self.break_each == 0:
                    writer.transport.abort()
                    return
                closes = bool(self.close_each) and number % self.close_each == 0
                body = json.dumps({"version": str(number % 2)}).encode()
                extra = b"Connection: close\r\n" if closes else b""
                first = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\n".encode()
                writer.write(first + extra + b"\r\n" + body)
                await writer.drain()
                if closes:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self._open.discard(writer)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    return tmp_path_factory.mktemp("open-loop")


@pytest.fixture
def loop(benchmark_module, program):
    module = benchmark_module("open_loop")
    if module.compiler() is None:
        pytest.skip("no C compiler here")
    return module.OpenLoop(program)


@pytest.fixture
def server() -> Iterator[Known]:
    known = Known()
    yield known
    known.close()


def test_delay_is_measured_and_every_body_is_sent(loop, server, benchmark_module, tmp_path):
    server.delay = 0.02
    bodies = [{"row": row, "text": "ü"} for row in range(7)]
    file = benchmark_module("open_loop").write_bodies(tmp_path / "bodies", bodies)
    result = loop.run(server.port, "/", file, rate=100, seconds=0.5, warm_up=0.1, connections=8, tally="version")
    assert (result["sent"], result["failed"], result["statuses"]) == (50, 0, {"200": 50})
    assert 20 <= result["p50_ms"] < 100
    assert {json.loads(body)["row"] for body in server.bodies} == set(range(7))
    assert result["tally"] == {"0": 30, "1": 30}


def test_stall_is_counted_from_when_requests_were_due(loop, server):
    server.stall_at = 50
    result = loop.run(server.port, rate=200, seconds=0.75, connections=2, series=True)
    assert result["failed"] == 0
    assert result["max_ms"] >= 380
    # 80 of the 150 requests were due while it stood still; a closed loop of two connections would show two slow ones.
    assert result["p90_ms"] > 250
    assert result["most_waiting"] > 40
    assert sum(second["sent"] for second in result["series"]) == 150


def test_closing_is_no_failure_and_breaking_is(loop, server):
    server.close_each = 5
    result = loop.run(server.port, rate=200, seconds=0.3, connections=4)
    assert (result["failed"], result["reconnections"]) == (0, 12)
    server.close_each, server.break_each, server.asked = 0, 6, 0
    result = loop.run(server.port, rate=200, seconds=0.3, connections=4)
    assert (result["failed"], result["broken"], result["answered"]) == (10, 10, 50)


def test_timeouts_and_statuses_are_failures(loop, server):
    server.status = 503
    result = loop.run(server.port, rate=100, seconds=0.1, poisson=True)
    assert (result["failed"], result["statuses"]) == (10, {"503": 10})
    server.delay = 0.4
    result = loop.run(server.port, rate=100, seconds=0.1, connections=4, timeout=0.1)
    assert (result["failed"], result["timed_out"], result["answered"]) == (10, 10, 0)


def test_server_that_is_not_there_fails_every_request(loop):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = loop.run(unused.getsockname()[1], rate=100, seconds=0.1, timeout=0.2)
    assert (result["failed"], result["answered"]) == (10, 0)
    assert result["refused_connections"] > 0
