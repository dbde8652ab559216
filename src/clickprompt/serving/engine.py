"""Between requests and models: rows of many requests are scored together, in threads that do nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from clickprompt.serving.answers import Answer, deliver
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.scorer import Encoded, Scored
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.turns import Part, Request, Run, Turns, shared_out
from clickprompt.settings import ClickPromptError, first_line

logger = logging.getLogger("clickprompt.serving")

Result = TypeVar("Result")


class Overloaded(ClickPromptError):
    """No more requests are taken; try again later."""


class TimedOut(ClickPromptError):
    """The request was not answered in time."""


class Engine:
    """Scores requests in `config.threads` threads.

    A thread takes what waits for one model and scores it in one go; what arrives meanwhile waits and is scored together
    next. So a lone request waits for nothing, and the busier the server, the cheaper a row. Cut into parts, large
    requests use all threads and let others through. The smallest (`Scorer.rows_inline`) are scored in the event loop
    itself, all that came in one turn of it together. All methods are called in one event loop.

    `on_run` hears, in a thread, of each run: the model, requests, rows and seconds.
    """

    def __init__(
        self, config: ServingConfig, on_run: Callable[[ServedModel, int, int, float], None] | None = None
    ) -> None:
        self.config = config
        self._on_run = on_run
        self._turns = Turns()
        self._small: list[Request] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0
        self._closing = False
        self._all_answered = asyncio.Event()
        count = config.threads or len(os.sched_getaffinity(0))
        self._threads = [threading.Thread(target=self._work, name=f"score-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return self._waiting

    async def score(self, model: ServedModel, encoded: Encoded) -> Scored:
        """Probabilities of a request's rows, as it would get them alone.

        Raises Overloaded, TimedOut, or what the model raised.
        """
        if not encoded.rows:
            return Scored(np.empty(0, np.float32), {})
        return await self._answered(Request(model=model, encoded=encoded))

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do other work in one of the threads, such as explaining a row: same limits, same errors."""
        return await self._answered(Request(work=work))

    async def close(self) -> None:
        """Take no more requests, answer those that wait, then stop the threads."""
        self._closing = True
        if self._waiting:
            await self._all_answered.wait()
        self._turns.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def _answered(self, request: Request) -> Any:
        if self._closing:
            raise Overloaded("the server is stopping; ask again, or another one")
        if self._waiting >= self.config.max_waiting:
            raise Overloaded(f"{self._waiting:,} requests wait already; try again later")
        self._loop = loop = asyncio.get_running_loop()
        answer = Answer(loop.create_future(), request.rows)
        request.deliver = answer.collect
        timer = loop.call_later(self.config.timeout_seconds, self._time_out, answer)
        self._waiting += 1
        self._add(request, loop)
        try:
            return await answer.future
        finally:
            timer.cancel()
            request.dropped = True
            self._waiting -= 1
            if self._closing and not self._waiting:
                self._all_answered.set()

    def _add(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        if request.model is None or request.rows > request.model.scorer.rows_inline:
            self._turns.add(request)
            return
        # A thread gets the interpreter's lock only when the event loop rests, twice a request: at 1,000 single rows a
        # second that took several times as long as scoring them here, where they share a run as well.
        if not self._small:
            loop.call_soon(self._score_small)
        self._small.append(request)

    def _score_small(self) -> None:
        """Score, here and now, what has come in this turn of the event loop."""
        small, self._small = self._small, []
        of_model: dict[ServedModel, list[Request]] = {}
        for request in small:
            if request.model is not None and request.left:
                of_model.setdefault(request.model, []).append(request)
        for model, requests in of_model.items():
            parts = shared_out(requests, model.scorer.rows_at_once)
            deliver(self._outcomes(Run(model, parts)))
        for request in small:
            if request.left:
                self._turns.add(request)

    def _time_out(self, answer: Answer) -> None:
        seconds = self.config.timeout_seconds
        answer.fail(TimedOut(f"not answered within {seconds:g} s; send fewer rows, or fewer requests"))

    def _work(self) -> None:
        while self._one_turn():
            pass

    def _one_turn(self) -> bool:
        """A method of its own, so that between runs nothing holds on to a model."""
        run = self._turns.take()
        if run is None:
            return False
        outcomes = self._outcomes(run)
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(deliver, outcomes)
        except RuntimeError:
            logger.debug("the event loop has closed; %d answers were not wanted any more", len(outcomes))
        return True

    def _outcomes(self, run: Run) -> list[tuple[Part, Any]]:
        """What came of each part: its result, or what was raised. Where a run fails, each part is tried alone."""
        started = time.perf_counter()
        try:
            if run.model is None:
                return [(part, part.request.work()) for part in run.parts]
            scored = run.model.scorer.score([part.encoded for part in run.parts])
        except BaseException as error:  # whatever it is, such as a panic of compiled code, the thread lives on
            if len(run.parts) == 1:
                return [(run.parts[0], error if isinstance(error, Exception) else RuntimeError(first_line(error)))]
            return [outcome for part in run.parts for outcome in self._outcomes(Run(run.model, [part]))]
        if self._on_run is not None:
            self._on_run(run.model, len(run.parts), sum(map(len, run.parts)), time.perf_counter() - started)
        return list(zip(run.parts, scored, strict=True))
