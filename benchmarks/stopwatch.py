"""How every contender is timed: from one optimizer step of steady training to another. Standard library only."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

WARM_UP_STEPS = 5
"""Steps before the clock starts, as a rule: allocation, the optimizer's state, the loader's first batches."""
FEWEST_STEPS = 10
"""Steps that are timed however slow they are, as a rule."""


class Enough(Exception):
    """Raised out of a training loop when it has run for long enough; nothing has gone wrong."""


class Stopwatch:
    """Called after each optimizer step with the rows it took; raises Enough when `seconds` have been timed."""

    def __init__(
        self,
        seconds: float,
        synchronize: Callable[[], None] = lambda: None,
        warm_up: int = WARM_UP_STEPS,
        fewest: int = FEWEST_STEPS,
    ) -> None:
        self.seconds = seconds
        self.synchronize = synchronize
        self.warm_up, self.fewest = warm_up, fewest
        self.steps = self.rows = 0
        self.started = self.stopped = self.cpu = 0.0

    def step(self, rows: int) -> None:
        """One optimizer step is done."""
        self.steps += 1
        if self.steps == self.warm_up:
            self.synchronize()
            self.started, self.cpu = time.perf_counter(), time.process_time()
        if self.steps <= self.warm_up:
            return
        self.rows += rows
        if self.steps >= self.warm_up + self.fewest and time.perf_counter() - self.started >= self.seconds:
            self.synchronize()
            self.stopped, self.cpu = time.perf_counter(), time.process_time() - self.cpu
            raise Enough

    def record(self) -> dict[str, float]:
        """Rows a second, rows timed, cores kept busy by this process, the most memory it ever held, in MB.

        Fewer cores busy than a quiet machine shows: something else was running, and the rate means nothing.
        """
        seconds = self.stopped - self.started
        return {
            "samples_per_second": self.rows / seconds,
            "cores_busy": self.cpu / seconds,
            "rows_timed": self.rows,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
