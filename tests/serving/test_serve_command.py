"""The whole command: started, restarted and stopped under load without a failed request."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from callers import Callers
from server_thread import wait_until

BODY = json.dumps({"candidates": [{"item": "i1"}]})


class Command:
    """`clickprompt serve`, its log read as it comes."""

    def __init__(self, *arguments: object) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "clickprompt", "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict] = []
        self.said: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(self.popen.stdout, self.said.append)),
            threading.Thread(target=_read, args=(self.popen.stderr, lambda line: self.lines.append(json.loads(line)))),
        ]
        for reader in self._readers:
            reader.start()

    def end(self) -> None:
        """Kill what still runs; read to the end."""
        for process_id in self.process_ids() if self.popen.poll() is None else ():
            os.kill(process_id, signal.SIGKILL)
        self.popen.kill()
        self.popen.wait()
        for reader in self._readers:
            reader.join()

    def events(self, event: str) -> list[dict]:
        return [line for line in self.lines if line["event"] == event]

    @property
    def port(self) -> int:
        return int(self.events("ready")[0]["address"].rpartition(":")[2])

    def process_ids(self) -> set[int]:
        """Of the serving processes."""
        folder = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        return set(map(int, folder.read_text().split()))


def _read(stream: IO[str], take: Callable[[str], object]) -> None:
    with stream:
        for line in stream:
            take(line)


@pytest.fixture
def command(shop_bundle, shop_cache) -> Iterator[Command]:
    running = Command(shop_bundle, "--port=0", f"--cache={shop_cache}", "--drain-seconds=0.4", "--no-access-log")
    try:
        wait_until(lambda: running.events("ready") or running.popen.poll() is not None, 30)
        yield running
    finally:
        running.end()


def test_restarts_and_stops_lose_no_request(command):
    wait_until(lambda: command.said)
    assert re.fullmatch(r"serving bundle 1 at http://127.0.0.1:\d+; Ctrl\+C stops\n", command.said[0])
    status = Path(f"/proc/{command.popen.pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    assert int(kilobytes) < 30_000  # it is never started again, so it must stay small

    (first,) = command.process_ids()
    with Callers(command.port, BODY) as callers:
        command.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: command.events("stopped"), 30)
    assert callers.found[200] > 20
    assert set(callers.found) == {200}
    wait_until(lambda: len(command.process_ids()) == 1)
    assert command.process_ids() != {first}

    with Callers(command.port, BODY) as callers:
        wait_until(lambda: callers.found[200] > 5)
        command.popen.terminate()
        wait_until(lambda: command.events("stopping"))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", command.port, timeout=5)) as connection:
            connection.request("GET", "/v2/health/ready")
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Connection"]) == (503, "close")
    assert set(callers.found) == {200}
    assert command.popen.wait(20) == 0
