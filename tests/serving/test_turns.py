from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.turns import Request, Turns, shared_out


@dataclass
class Rows:
    rows: int

    def part(self, start, stop):
        return Rows(stop - start)


def model_of(rows_at_once: int) -> ServedModel:
    return ServedModel("m", "1", SimpleNamespace(rows_at_once=rows_at_once), Path(), {}, "", 0.0)


MODEL = model_of(10)


def of(rows: int, model: ServedModel = MODEL) -> Request:
    return Request(model=model, encoded=Rows(rows))


def taken(turns: Turns) -> list[tuple[int, int, int]]:
    """Rows of the request, first and last row of each part of the next run."""
    return sorted((part.request.rows, part.start, part.stop) for part in turns.take().parts)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 40))
def test_shares_fill_the_room_and_nobody_gets_less_than_an_equal_share(sizes, room):
    requests = [of(rows) for rows in sizes]
    parts = shared_out(requests, room)
    got = {id(part.request): len(part) for part in parts}
    assert sum(got.values()) == min(room, sum(sizes))
    for request in requests:
        assert got.get(id(request), 0) >= min(request.rows, room // len(sizes))
        assert request.begun == got.get(id(request), 0)
        assert got.get(id(request), 0) <= request.rows


def test_small_requests_pass_a_large_one():
    turns = Turns()
    turns.add(of(25))
    assert taken(turns) == [(25, 0, 10)]
    turns.add(of(1))
    turns.add(of(2))
    assert taken(turns) == [(1, 0, 1), (2, 0, 2), (25, 10, 17)]
    assert taken(turns) == [(25, 17, 25)]


def test_models_take_turns():
    turns, other = Turns(), model_of(10)
    turns.add(of(30))
    turns.add(of(5, other))
    runs = [turns.take() for _ in range(4)]
    assert [run.model for run in runs] == [MODEL, other, MODEL, MODEL]


def test_dropped_requests_and_what_is_left_of_them_are_passed_over():
    turns, gone, begun = Turns(), of(3), of(25)
    turns.add(begun)
    turns.take()
    gone.dropped = begun.dropped = True
    turns.add(gone)
    turns.add(of(4))
    assert taken(turns) == [(4, 0, 4)]


def test_more_requests_than_rows_of_a_run_are_served_in_order():
    turns = Turns()
    first = [of(1) for _ in range(10)]
    for request in [*first, of(1)]:
        turns.add(request)
    assert [part.request for part in turns.take().parts] == first
    assert taken(turns) == [(1, 0, 1)]


def test_a_closed_queue_gives_what_it_holds_then_none_to_all_threads():
    turns = Turns()
    turns.add(of(1))
    ends = []
    turns.close()
    assert taken(turns) == [(1, 0, 1)]
    threads = [threading.Thread(target=lambda: ends.append(turns.take())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert ends == [None] * 3
