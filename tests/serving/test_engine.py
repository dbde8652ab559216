from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine, Overloaded, TimedOut
from clickprompt.serving.scorer import Scored
from clickprompt.serving.served_model import ServedModel
from clickprompt.settings import ClickPromptError


@dataclass(frozen=True)
class Numbers:
    of: np.ndarray
    unseen: dict[str, int]

    @property
    def rows(self) -> int:
        return len(self.of)

    def part(self, start, stop):
        return Numbers(self.of[start:stop], {} if start else self.unseen)


class Halves:
    """Scores the number n as n / 2, once its gate is open; −13 is a number that no run survives."""

    rows_at_once = 10

    def __init__(self, rows_inline: int = 0) -> None:
        self.rows_inline = rows_inline
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.runs: list[list[int]] = []
        self.threads: set[threading.Thread] = set()

    def score(self, requests: Sequence[Numbers]) -> list[Scored]:
        self.entered.set()
        assert self.gate.wait(10)
        self.threads.add(threading.current_thread())
        self.runs.append([request.rows for request in requests])
        if any(-13 in request.of for request in requests):
            raise ClickPromptError("-13")
        return [Scored(request.of.astype(np.float32) / 2, request.unseen) for request in requests]


def asked(*of: int, **unseen: int) -> Numbers:
    return Numbers(np.array(of), unseen)


def model_of(scorer: Halves) -> ServedModel:
    return ServedModel("halves", "1", scorer, Path(), {}, "", 0.0)


def engine_of(**settings) -> Engine:
    return Engine(ServingConfig(threads=1, **settings))


async def held(engine: Engine, scorer: Halves, model: ServedModel, encoded: Numbers) -> asyncio.Task:
    """A request whose run has begun and waits at the gate."""
    scorer.gate.clear()
    scorer.entered.clear()
    task = asyncio.ensure_future(engine.score(model, encoded))
    while not scorer.entered.is_set():
        await asyncio.sleep(0.001)
    return task


def test_what_arrives_during_a_run_shares_the_next_and_each_gets_its_own_answer():
    async def main():
        engine, scorer = engine_of(), Halves()
        model = model_of(scorer)
        first = await held(engine, scorer, model, asked(0))
        others = [asyncio.ensure_future(engine.score(model, asked(n, n + 1, user=n))) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        assert engine.waiting == 4
        scorer.gate.set()
        assert (await first).probability.tolist() == [0]
        for n, scored in zip((1, 2, 3), await asyncio.gather(*others), strict=True):
            assert scored.probability.tolist() == [n / 2, (n + 1) / 2]
            assert scored.unseen == {"user": n}
        assert scorer.runs == [[1], [2, 2, 2]]
        assert engine.waiting == 0
        await engine.close()

    asyncio.run(main())


def test_a_large_request_comes_in_parts_and_lets_small_ones_through():
    async def main():
        engine, scorer = engine_of(), Halves()
        model, ended = model_of(scorer), []
        large = await held(engine, scorer, model, asked(*range(100, 200), user=7))
        small = asyncio.ensure_future(engine.score(model, asked(1)))
        for task, name in ((large, "large"), (small, "small")):
            task.add_done_callback(lambda _, name=name: ended.append(name))
        await asyncio.sleep(0)
        scorer.gate.set()
        scored = await large
        assert ended[0] == "small"
        assert scorer.runs[:2] == [[10], [1, 9]]
        np.testing.assert_array_equal(scored.probability, np.arange(100, 200) / np.float32(2))
        assert scored.unseen == {"user": 7}
        await engine.close()

    asyncio.run(main())


def test_parts_of_a_large_request_use_all_threads():
    async def main():
        engine, scorer = Engine(ServingConfig(threads=3)), Halves()
        task = await held(engine, scorer, model_of(scorer), asked(*range(100)))
        await asyncio.sleep(0.05)
        scorer.gate.set()
        assert (await task).probability.tolist() == [n / 2 for n in range(100)]
        assert len(scorer.threads) == 3
        await engine.close()

    asyncio.run(main())


def test_small_requests_of_one_turn_of_the_event_loop_share_a_run_in_it():
    async def main():
        runs = []
        scorer = Halves(rows_inline=2)
        engine = Engine(ServingConfig(threads=1), lambda model, requests, rows, seconds: runs.append((requests, rows)))
        model = model_of(scorer)
        scored = await asyncio.gather(
            *(engine.score(model, asked(n)) for n in range(4)), engine.score(model, asked(8, 9, 10))
        )
        assert [of.probability.tolist() for of in scored] == [[0], [0.5], [1], [1.5], [4, 4.5, 5]]
        assert sorted(runs) == [(1, 3), (4, 4)]
        assert threading.main_thread() in scorer.threads
        await engine.close()

    asyncio.run(main())


def test_more_small_requests_than_a_run_takes_are_all_answered():
    async def main():
        engine, scorer = engine_of(), Halves(rows_inline=2)
        model = model_of(scorer)
        scored = await asyncio.gather(*(engine.score(model, asked(n, n + 1)) for n in range(20)))
        assert [of.probability.tolist() for of in scored] == [[n / 2, (n + 1) / 2] for n in range(20)]
        assert max(map(sum, scorer.runs)) == 10
        await engine.close()

    asyncio.run(main())


def test_too_many_waiting_requests_are_refused_and_later_ones_are_not():
    async def main():
        engine, scorer = engine_of(max_waiting=2), Halves()
        model = model_of(scorer)
        tasks = [await held(engine, scorer, model, asked(1)), asyncio.ensure_future(engine.score(model, asked(2)))]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="2 requests wait already"):
            await engine.score(model, asked(3))
        scorer.gate.set()
        await asyncio.gather(*tasks)
        assert (await engine.score(model, asked(3))).probability.tolist() == [1.5]
        await engine.close()

    asyncio.run(main())


def test_late_and_cancelled_requests_are_not_scored():
    async def main():
        engine, scorer = engine_of(timeout_seconds=0.05), Halves()
        model = model_of(scorer)
        first = await held(engine, scorer, model, asked(1))
        late = asyncio.ensure_future(engine.score(model, asked(2, 2)))
        cancelled = asyncio.ensure_future(engine.score(model, asked(3, 3, 3)))
        await asyncio.sleep(0)
        cancelled.cancel()
        for task in (first, late):
            with pytest.raises(TimedOut, match=r"within 0\.05 s"):
                await task
        assert engine.waiting == 0
        scorer.gate.set()
        assert (await engine.score(model, asked(4, 4, 4, 4))).probability.tolist() == [2] * 4
        assert scorer.runs == [[1], [4]]
        await engine.close()

    asyncio.run(main())


@pytest.mark.parametrize("rows_inline", [0, 5])
def test_a_failing_run_fails_the_request_that_made_it_fail_alone(rows_inline):
    async def main():
        engine, scorer = engine_of(), Halves(rows_inline)
        model = model_of(scorer)
        asks = [engine.score(model, asked(n)) for n in (12, -13, 14)]
        good, bad, fine = await asyncio.gather(*asks, return_exceptions=True)
        assert (good.probability.tolist(), fine.probability.tolist()) == ([6], [7])
        assert isinstance(bad, ClickPromptError)
        await engine.close()

    asyncio.run(main())


def test_other_work_is_done_in_a_thread_and_its_errors_are_its_own():
    async def main():
        engine = engine_of()
        assert await engine.run(threading.current_thread) is not threading.current_thread()
        with pytest.raises(ZeroDivisionError):
            await engine.run(lambda: 1 // 0)

        def panic():
            raise BaseException("of compiled code")

        with pytest.raises(RuntimeError, match="of compiled code"):
            await engine.run(panic)
        assert await engine.run(lambda: 5) == 5
        await engine.close()

    asyncio.run(main())


def test_closing_answers_what_waits_and_refuses_the_rest():
    async def main():
        before = set(threading.enumerate())
        engine, scorer = engine_of(), Halves()
        own = set(threading.enumerate()) - before
        model = model_of(scorer)
        first = await held(engine, scorer, model, asked(1))
        second = asyncio.ensure_future(engine.score(model, asked(2)))
        await asyncio.sleep(0)
        assert own
        closing = asyncio.ensure_future(engine.close())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="stopping"):
            await engine.score(model, asked(3))
        scorer.gate.set()
        assert [(await task).probability.tolist() for task in (first, second)] == [[0.5], [1]]
        await closing
        assert not own & set(threading.enumerate())

    asyncio.run(main())


def test_no_rows_need_no_turn():
    async def main():
        engine = engine_of()
        scored = await engine.score(model_of(Halves()), asked())
        assert scored.probability.shape == (0,)
        assert scored.probability.dtype == np.float32
        await engine.close()

    asyncio.run(main())
