"""An answer that comes in parts."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from clickprompt.serving.scorer import Scored
from clickprompt.serving.turns import Part


class Answer:
    """Waits for all parts of a request; its methods run in the event loop."""

    __slots__ = ("future", "missing", "parts")

    def __init__(self, future: asyncio.Future[Any], rows: int) -> None:
        self.future = future
        self.missing = rows
        self.parts: list[tuple[int, Any]] = []

    def collect(self, part: Part, outcome: Any) -> None:
        """Take what came of a part; the first error is the answer, and so is the last part."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
            return
        self.parts.append((part.start, outcome))
        self.missing -= len(part)
        if not self.missing:
            self.future.set_result(_joined(self.parts))

    def fail(self, error: Exception) -> None:
        """Answer with an error unless there is an answer."""
        if not self.future.done():
            self.future.set_exception(error)


def deliver(outcomes: list[tuple[Part, Any]]) -> None:
    """Hand what came of parts to those who wait for it."""
    for part, outcome in outcomes:
        part.request.deliver(part, outcome)


def _joined(parts: list[tuple[int, Any]]) -> Any:
    """One result out of those of a request's parts, whatever order they came in."""
    if len(parts) == 1:
        return parts[0][1]
    scored = [part for _, part in sorted(parts, key=lambda part: part[0])]
    unseen: dict[str, int] = {}
    for part in scored:
        for name, rows in part.unseen.items():
            unseen[name] = unseen.get(name, 0) + rows
    return Scored(np.concatenate([part.probability for part in scored]), unseen)
