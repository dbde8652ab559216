"""Items made ahead of time by a thread of their own, while the main one computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def prefetch(items: Iterator[Item], make: Callable[[Item], Made], ahead: int) -> Generator[Made, None, None]:
    """`make` of each item in order, up to `ahead` of them made before they are asked for.

    An error in the thread is raised where its item would have come. Closing the iterator ends the thread.
    """
    made: queue.Queue[Made | BaseException | None] = queue.Queue(maxsize=ahead)
    closed = threading.Event()

    def put(item: Made | BaseException | None) -> bool:
        while not closed.is_set():
            try:
                made.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(make(item)):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closed.set()
        thread.join()
