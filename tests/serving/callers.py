"""Callers of a server, to see whether any request fails."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter


class Callers:
    """Each on a connection of its own, asking again as soon as it has its answer and a short rest."""

    def __init__(self, port: int, body: str, count: int = 4) -> None:
        self._port = port
        self._body = body
        self.found: Counter[int | str] = Counter()
        """Answers by status, and what else happened."""
        self.versions: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let them hear the answers that they wait for, and go."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._stop.wait(0.003):
            try:
                connection.request("POST", "/v1/score", self._body)
                answer = connection.getresponse()
                content = json.loads(answer.read())
                self.found[answer.status] += 1
                self.versions[content.get("version", "")] += 1
            except (OSError, http.client.HTTPException) as error:
                self.found[repr(error)] += 1
                connection.close()
        connection.close()
