"""The server as it runs in production, in a thread of the test, with one model loaded in this process."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clickprompt.bundle import read_bundle_manifest
from clickprompt.serving.app import create_app
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine
from clickprompt.serving.metrics import Metrics
from clickprompt.serving.repository import Fault, UnknownModel
from clickprompt.serving.scorer import Encoded, Scored
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.server import Server
from clickprompt.serving.supervisor import bound_socket
from clickprompt.serving.word_scorer import WordScorer


class Served:
    """A running server and ways to ask it."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self.metrics = server.serving.metrics

    def ask(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None
    ) -> tuple[int, Any, http.client.HTTPResponse]:
        """Status, content (JSON where it is) and answer; a body that is neither bytes nor text is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            sent = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
            connection.request(method or ("GET" if body is None else "POST"), path, sent, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        is_json = text and answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json else text, answer

    def connect(self) -> socket.socket:
        """A connection of one's own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def counted(self, sample: str, **labels: str) -> float:
        """A number of /metrics; 0 where there is none."""
        return self.metrics.registry.get_sample_value(sample, labels) or 0.0

    def in_loop(self, what: Any) -> None:
        """Call in the server's own thread."""
        self.server.servers[0].get_loop().call_soon_threadsafe(what)


class HeldScorer:
    """A real scorer whose runs wait until they are let go."""

    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)
        self.runs = 0
        self.rows_inline = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)

    def score(self, requests: Sequence[Encoded]) -> list[Scored]:
        self.runs += 1
        self.entered.release()
        assert self.go.wait(10)
        return self._scorer.score(requests)


class Shop:
    """A repository of version 7 of the model `shop`, loaded in this process: nothing is exported."""

    ready = True

    def __init__(self, bundle: Path) -> None:
        manifest = read_bundle_manifest(bundle)
        self.model = ServedModel("shop", "7", WordScorer(bundle, "float32"), bundle, manifest, "f" * 64, 0.1)

    def hold(self) -> HeldScorer:
        """Hold back the runs of the model from now on."""
        scorer = HeldScorer(self.model.scorer)
        self.model = replace(self.model, scorer=scorer)
        return scorer

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        if name not in (None, "shop") or version not in (None, "7"):
            raise UnknownModel(f"no version {version} of {name}")
        return self.model

    def versions(self, name: str) -> list[str]:
        return [self.find(name).version]

    def models(self) -> list[ServedModel]:
        return [self.model]

    def faults(self) -> list[Fault]:
        return [Fault("shop", "8", "shop/8: weights.safetensors is damaged")]


@contextlib.contextmanager
def serving(repository: Any, listener: socket.socket | None = None, **settings: Any) -> Iterator[Served]:
    """A server that lives as long as the block, on a socket of its own unless one is given."""
    config = ServingConfig(**{"threads": 1, "access_log": False, "drain_seconds": 0.0, "read_seconds": 5.0, **settings})
    metrics = Metrics()
    engine = Engine(config, metrics.ran)
    started = threading.Event()
    server = Server(create_app(repository, engine, config, metrics), started.set)
    with listener or bound_socket("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert started.wait(10)
        served = Served(server, listener.getsockname()[1])
        served.ended = lambda: not thread.is_alive()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def wait_until(what: Any, seconds: float = 5.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
