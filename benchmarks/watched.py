"""A command run to its end, and what it and its children took: time, processor, memory that no file backs (Linux)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

EVERY = 0.05
"""Seconds between two looks."""
_CENSUS = 5
"""Looks from one search for children to the next: it reads a file for each thread of each process."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Watched:
    """What a command took."""

    seconds: float
    """From its start to its end, the interpreter's start and imports included."""
    cpu_seconds: float
    """Of all its processes, user and system."""
    anonymous_mb: float
    """The most that was seen at once, all its processes together."""
    said: dict[str, Any]
    """The last line of JSON that it printed."""

    @property
    def cores_busy(self) -> float:
        """On average."""
        return self.cpu_seconds / self.seconds


def watch(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Watched | str:
    """Run a command; in words what went wrong where it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started, peak, cpu = time.perf_counter(), 0, dict[int, int]()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env={**os.environ, **(environment or {})})
        for look in count():
            if process.poll() is not None:
                break
            if look % _CENSUS == 0:
                pids = _family(process.pid)
            peak = max(peak, sum(map(_anonymous_kb, pids)))
            cpu |= {pid: ticks for pid in pids if (ticks := _ticks(pid))}
            time.sleep(EVERY)
        seconds = time.perf_counter() - started
        out.seek(0), errors.seek(0)
        if process.returncode:
            return (errors.read().strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        said = [line for line in out.read().splitlines() if line.startswith("{")]
    return Watched(seconds, sum(cpu.values()) / _TICKS, peak / 1024, json.loads(said[-1]) if said else {})


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            waiting += map(int, _read(task / "children").split())
    return found


def _anonymous_kb(pid: int) -> int:
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def _ticks(pid: int) -> int:
    """User and system time; fields 14 and 15 of proc_pid_stat(5), counted after the name in parentheses."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) if fields else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""
