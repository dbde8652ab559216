"""Whose turn it is: requests that wait to be scored, cut and put together into runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clickprompt.serving.scorer import Encoded
from clickprompt.serving.served_model import ServedModel


@dataclass(eq=False, slots=True)
class Request:
    """Rows that wait to be scored by a model, or where there is none, any other piece of work."""

    model: ServedModel | None = None
    encoded: Encoded | None = None
    work: Callable[[], Any] = lambda: None
    deliver: Callable[[Part, Any], None] = lambda part, outcome: None
    """Hears what came of each part: its result, or the exception."""
    begun: int = 0
    """Rows that have had their turn."""
    dropped: bool = False
    """Set where nobody waits any more; what has not begun is passed over."""

    @property
    def rows(self) -> int:
        """How many in all; other work counts as one."""
        return 1 if self.encoded is None else self.encoded.rows

    @property
    def left(self) -> int:
        """Rows that still wait for their turn."""
        return 0 if self.dropped else self.rows - self.begun


@dataclass(frozen=True, slots=True)
class Part:
    """Rows `start` to `stop` (exclusive) of a request."""

    request: Request
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def encoded(self) -> Encoded:
        """These rows alone."""
        encoded = self.request.encoded
        assert encoded is not None
        return encoded if len(self) == encoded.rows else encoded.part(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Run:
    """Parts of requests for one version of a model, to be scored in one go; one piece of other work where `model` is
    None."""

    model: ServedModel | None
    parts: list[Part]


class Turns:
    """A queue that several threads take from.

    Models take turns. Requests for one model share a run of `Scorer.rows_at_once` rows, those that came first alone
    where there are more requests than rows: small ones go in whole, larger ones fill what is left, in equal shares. So
    a small request waits for one run of a large one, never for all of it.
    """

    def __init__(self) -> None:
        self._of_model: OrderedDict[ServedModel | None, list[Request]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def add(self, request: Request) -> None:
        """Queue a request and wake as many threads as it can use."""
        model = request.model
        runs = 1 if model is None else -(-request.rows // model.scorer.rows_at_once)
        with self._changed:
            self._of_model.setdefault(model, []).append(request)
            self._changed.notify(runs)

    def take(self) -> Run | None:
        """What to run next; waits for it. None once the queue is closed and empty."""
        with self._changed:
            while True:
                while self._of_model:
                    if (run := self._next()).parts:
                        return run
                if self._closed:
                    return None
                self._changed.wait()

    def close(self) -> None:
        """Let threads that wait for turns go, as soon as there are none."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> Run:
        model, waiting = self._of_model.popitem(last=False)
        waiting = [request for request in waiting if request.left]
        room = 1 if model is None else model.scorer.rows_at_once
        parts = shared_out(waiting[:room], room)
        rest = [request for request in waiting if request.left]
        if rest:
            self._of_model[model] = rest
        return Run(model, parts)


def shared_out(requests: list[Request], room: int) -> list[Part]:
    """Parts of at most `room` rows in all, shared so that none gets less than an equal share unless it wants less."""
    parts = []
    for place, request in enumerate(sorted(requests, key=lambda request: request.left)):
        rows = min(request.left, room // (len(requests) - place))
        if rows:
            parts.append(Part(request, request.begun, request.begun + rows))
            request.begun += rows
            room -= rows
    return parts
