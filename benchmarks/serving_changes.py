"""Versions swapped and servers restarted while `serving.py` asks."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving_process import Server

MODEL = "clicks"
CLOSE = 1e-5


def prepare_versions(bundle: Path, folder: Path, count: int, body: dict[str, Any]) -> dict[str, float]:
    """Write versions 1, 2, …, each with a calibrator of its own; returns what each must score the row of `body`."""
    from clickprompt.bundle import Predictor, replace_calibrator
    from clickprompt.calibration import PlattCalibrator

    expected = {}
    row = {**body["context"], **body["candidates"][0]}
    for version in range(1, count + 1):
        new = folder / str(version)
        shutil.copytree(bundle, new)
        replace_calibrator(new, PlattCalibrator(intercept=version / 10 - 1), {})
        expected[str(version)] = float(Predictor.load(new).predict([row])[0])
    return expected


class Witness:
    """Asks for one row again and again: each answer must be that of the version it names."""

    def __init__(self, server: Server, body: dict[str, Any], expected: dict[str, float]) -> None:
        self.server, self.body, self.expected = server, body, expected
        self.seen: dict[str, int] = {}
        self.wrong: list[str] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(0.05):
            try:
                status, answer = self.server.get("/v1/score", self.body)
            except OSError as error:
                self.wrong.append(repr(error))
                continue
            version = str((answer or {}).get("version"))
            score = (answer.get("scores") or [2.0])[0] if status == 200 else 2.0
            if status != 200 or abs(score - self.expected.get(version, 3.0)) > CLOSE:
                self.wrong.append(f"{status}: {answer}")
            self.seen[version] = self.seen.get(version, 0) + 1

    def close(self) -> None:
        self._done.set()
        self._thread.join()


def keep_changing(act: Callable[[int], None], happened: Callable[[int], bool], until: float) -> int:
    """Act, wait until it has happened, rest for a second, act again, up to a time of the monotonic clock; how often it
    happened. Acts are numbered from 0."""
    turn = 0
    while time.monotonic() < until:
        act(turn)
        while not happened(turn):
            if time.monotonic() > until:
                return turn
            time.sleep(0.05)
        turn += 1
        time.sleep(1)
    return turn


def put_version(prepared: Path, served: Path, version: int) -> None:
    """Bring a version in: odd ones are copied file by file in place, even ones renamed whole. Old ones are deleted."""
    target = served / MODEL / str(version)
    if version % 2:
        target.mkdir(parents=True)
        for file in sorted(path for path in (prepared / str(version)).rglob("*") if path.is_file()):
            (target / file.relative_to(prepared / str(version))).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / file.relative_to(prepared / str(version)))
            time.sleep(0.02)
    else:
        shutil.copytree(prepared / str(version), served / MODEL / f".{version}")
        (served / MODEL / f".{version}").rename(target)
    shutil.rmtree(served / MODEL / str(version - 3), ignore_errors=True)
