"""A server as a process: started, asked, weighed, stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 120.0


class Server:
    """A server on a free port of the loopback; `log` receives what it prints. `with` stops it."""

    def __init__(self, name: str, log: Path, path: Path, options: tuple[str, ...] = ()) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.name, self.log = name, log
        ours = [sys.executable, "-m", "clickprompt", "serve", str(path), f"--port={self.port}", *options]
        plain = [sys.executable, str(HERE / "serving_plain.py"), name, str(self.port), str(path)]
        started = time.perf_counter()
        with log.open("w") as file:
            self.process = subprocess.Popen(ours if name == "clickprompt" else plain, stdout=file, stderr=file)
        while not self.ready():
            if self.process.poll() is not None or time.perf_counter() - started > PATIENCE:
                self.process.kill()
                raise SystemExit(f"{name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.seconds_to_ready = time.perf_counter() - started

    def get(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask once, on a connection of its own: status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.get("/v2/health/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def processes(self) -> list[int]:
        """The server's process and its children."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
        return found

    def cpu_seconds(self) -> float:
        """Seconds of processor that all of them have taken; those that have ended are not counted."""
        total = 0
        for pid in self.processes():
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            total += sum(map(int, fields[11:13])) if fields else 0
        return total / TICKS

    def memory_mb(self) -> tuple[float, float]:
        """Resident and anonymous memory of all of them, in MB; pages that several share are split among them."""
        sums = {"Pss:": 0, "Anonymous:": 0}
        for pid in self.processes():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                name, *rest = line.split()
                if name in sums:
                    sums[name] += int(rest[0])
        return sums["Pss:"] / 1024, sums["Anonymous:"] / 1024

    def starts(self) -> int:
        """How often a serving process of `clickprompt serve` has become ready."""
        return self.log.read_text().count("; Ctrl+C stops")

    def restart(self) -> None:
        """Ask for a new serving process in place of the old."""
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Weighing:
    """Samples a server's memory each second, until it is closed."""

    def __init__(self, server: Server) -> None:
        self.server, self.samples, self._done = server, [server.memory_mb()], threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(1):
            self.samples.append(self.server.memory_mb())

    def close(self) -> dict[str, float]:
        """Memory at both ends of the time, its most, and the slope of the anonymous part's later three quarters."""
        self._done.set()
        self._thread.join()
        resident, anonymous = zip(*self.samples, strict=True)
        later = anonymous[len(anonymous) // 4 :]
        middle = (len(later) - 1) / 2
        spread = sum((i - middle) ** 2 for i in range(len(later)))
        slope = sum((i - middle) * value for i, value in enumerate(later)) / spread if spread else 0.0
        return {
            "resident_mb_first": resident[0],
            "resident_mb_last": resident[-1],
            "resident_mb_most": max(resident),
            "anonymous_mb_first": anonymous[0],
            "anonymous_mb_quarter": later[0],
            "anonymous_mb_last": anonymous[-1],
            "anonymous_mb_most": max(anonymous),
            "anonymous_mb_a_minute": slope * 60,
        }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
