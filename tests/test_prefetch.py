import threading
from collections.abc import Iterator

import pytest

from clickprompt.prefetch import prefetch


def counted(seen: list[int], stop: int) -> Iterator[int]:
    for number in range(stop):
        seen.append(number)
        yield number


def test_order_is_kept():
    assert list(prefetch(iter(range(100)), lambda x: x * 2, ahead=3)) == list(range(0, 200, 2))


def test_only_so_many_are_made_ahead():
    seen: list[int] = []
    items = prefetch(counted(seen, 100), lambda x: x, ahead=3)
    assert next(items) == 0
    for _ in range(50):
        threading.Event().wait(0.01)
        if len(seen) >= 5:
            break
    threading.Event().wait(0.05)
    assert len(seen) == 5  # one taken, three waiting, one in the thread's hand
    items.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_an_error_comes_in_its_place():
    def fails(number: int) -> int:
        if number == 2:
            raise ZeroDivisionError("two")
        return number

    items = prefetch(iter(range(5)), fails, ahead=4)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ZeroDivisionError, match="two"):
        next(items)


def test_nothing_to_do():
    assert list(prefetch(iter(()), lambda x: x, ahead=1)) == []
