"""The load generator of `load/`, compiled with the system's C compiler and run.

Tools at hand (`hey`, `wrk`, `ab`) are closed loops: a connection asks again once it has been answered, so a server that
stalls is asked less, and its stall counts once. Here requests are due at a fixed rate whatever the server does, and
latency runs from when a request was due.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "load"


def compiler() -> str | None:
    """The system's C compiler."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


class OpenLoop:
    """The generator, compiled into a folder unless it is there."""

    def __init__(self, folder: Path) -> None:
        cc = compiler()
        if cc is None:
            raise SystemExit("no C compiler found: install gcc or clang")
        self.program = folder / "open_loop"
        sources = [str(file) for file in sorted(SOURCES.glob("*.c"))]
        if self.program.exists():
            return
        subprocess.run([cc, "-O2", "-Wall", "-Wextra", "-o", str(self.program), *sources, "-lm"], check=True)

    def command(self, port: int, path: str, bodies: Path | None, options: dict[str, Any]) -> list[str]:
        """The generator's command; options as it names them: `rate=1000, seconds=10, warm_up=1, poisson=True`, …"""
        command = [str(self.program), f"--port={port}", f"--path={path}"]
        command += [] if bodies is None else [f"--bodies={bodies}"]
        for name, value in options.items():
            if value is not False and value is not None:
                name = name.replace("_", "-")
                command.append(f"--{name}" if value is True else f"--{name}={value}")
        return command

    def run(self, port: int, path: str = "/", bodies: Path | None = None, **options: Any) -> dict[str, Any]:
        """Ask for a while and return what became of it."""
        return answer_of(self.start(port, path, bodies, **options))

    def start(self, port: int, path: str = "/", bodies: Path | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start asking; `answer_of` waits for the end."""
        return subprocess.Popen(self.command(port, path, bodies, options), stdout=subprocess.PIPE, text=True)


def answer_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a generator that was started has to say once it is done."""
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the load generator ended with status {process.returncode}")
    return json.loads(printed)


def write_bodies(file: Path, bodies: Sequence[Any]) -> Path:
    """One JSON body a line."""
    file.write_text("".join(json.dumps(body, ensure_ascii=False) + "\n" for body in bodies), encoding="utf-8")
    return file
