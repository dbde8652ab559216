"""SIGTERM and SIGINT: training ends after a checkpoint, everything else at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The process was asked to stop by a signal; its exit status is 128 + `signal_number`."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class StopRequest:
    """What signals have asked for."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        """The first that came."""
        self.waits = 0
        """Blocks that end by themselves soon after a signal."""

    def hear(self, signal_number: int, _: FrameType | None) -> None:
        """The handler: a second signal stops at once, wherever the first has led to."""
        again, self.signal_number = self.signal_number is not None, self.signal_number or signal_number
        if again or not self.waits:
            raise Stopped(signal_number)

    def check(self) -> None:
        """Raises Stopped where a signal came."""
        if self.signal_number is not None:
            raise Stopped(self.signal_number)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block the first signal is only noted; `check` acts on it."""
        self.waits += 1
        try:
            yield
        finally:
            self.waits -= 1


STOP = StopRequest()
"""Signals are the process's own, and so is what they ask for."""


@contextmanager
def signals_stop_training() -> Iterator[None]:
    """Within the block SIGINT and SIGTERM are heard by `STOP`; nothing changes outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    STOP.signal_number = None
    for number in _SIGNALS:
        signal.signal(number, STOP.hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        STOP.signal_number = None
