"""Progress for people: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from clickprompt.contracts import Progress
from clickprompt.secrets import masked


class SilentProgress:
    """Says nothing: for notebooks and tests that want quiet."""

    def start(self, task: str, total: int | None, unit: str) -> Callable[[int, str], None]:
        return lambda done, note: None

    def say(self, line: str) -> None:
        pass


class PlainProgress:
    """A line when a task begins, one every few seconds while it lasts, one when it ends."""

    def __init__(self, stream: TextIO | None = None, every_seconds: float = 10.0) -> None:
        self.stream = stream or sys.stderr
        self.every_seconds = every_seconds

    def start(self, task: str, total: int | None, unit: str) -> Callable[[int, str], None]:
        started = spoken = time.monotonic()
        self.say(f"{task}: {total:,} {unit}" if total else task)

        def report(done: int, note: str) -> None:
            nonlocal spoken
            now = time.monotonic()
            finished = total is not None and done >= total
            if not finished and now - spoken < self.every_seconds:
                return
            spoken = now
            rate = done / max(now - started, 1e-9)
            left = f", {duration((total - done) / rate)} left" if total and rate and not finished else ""
            of = f"/{total:,}" if total else ""
            self.say(f"{task}: {done:,}{of} {unit}, {rate:,.0f}/s{left}{', ' + note if note else ''}")

        return report

    def say(self, line: str) -> None:
        print(masked(line), file=self.stream, flush=True)


class LiveProgress:
    """Bars that move, with rate and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars
        from rich.table import Column

        self.ids: dict[str, Any] = {}  # a task that comes again, such as validation, keeps its one bar
        self.console = Console(stderr=True, highlight=False)
        self.bars = Bars(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=10),
            TaskProgressColumn(table_column=Column(no_wrap=True, min_width=4)),
            TextColumn("{task.fields[rate]}/s,", table_column=Column(no_wrap=True, min_width=9)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
            TextColumn("left {task.fields[note]}", table_column=Column(no_wrap=True, ratio=1)),
            console=self.console,
        )

    def start(self, task: str, total: int | None, unit: str) -> Callable[[int, str], None]:
        if task in self.ids:
            bar = self.ids[task]
            self.bars.reset(bar, total=total, rate="-", note="")
        else:
            bar = self.ids[task] = self.bars.add_task(task, total=total, rate="-", note="")
        started = time.monotonic()

        def report(done: int, note: str) -> None:
            rate = done / max(time.monotonic() - started, 1e-9)
            self.bars.update(bar, completed=done, rate=f"{rate:,.0f}", note=note)

        return report

    def say(self, line: str) -> None:
        self.console.print(masked(line), markup=False)


@contextmanager
def progress_for(stream: TextIO | None = None) -> Iterator[Progress]:
    """Live bars where standard error is a terminal, else plain lines."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield PlainProgress(stream)
        return
    live = LiveProgress()
    with live.bars:
        yield live


def duration(seconds: float) -> str:
    """`47 s`, `3 min 20 s` or `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
