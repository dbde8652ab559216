"""A real server in a thread of the test, with one model whose fields are of every kind."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from pydantic import SecretStr

from clickprompt.bundle import read_bundle_manifest
from clickprompt.serving.app import create_app
from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine
from clickprompt.serving.repository import Fault, UnknownModel
from clickprompt.serving.served_model import ServedModel
from clickprompt.serving.word_scorer import WordScorer


class OneModel:
    """A repository with one version of one model, loaded in this process: nothing is exported."""

    def __init__(self, bundle: Path) -> None:
        scorer = WordScorer(bundle, "float32")
        self.model = ServedModel("shop", "7", scorer, bundle, read_bundle_manifest(bundle), "f" * 64, 0.1)
        self.ready = True

    def swap(self, version: str) -> None:
        """Serve it as another version."""
        self.model = replace(self.model, version=version)

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        if name not in (None, "shop") or version not in (None, self.model.version):
            raise UnknownModel(f"no version {version} of {name}")
        return self.model

    def models(self) -> list[ServedModel]:
        return [self.model]

    def faults(self) -> list[Fault]:
        return [Fault("shop", "8", "shop/8: weights.safetensors is damaged")]


@contextlib.contextmanager
def running(models: OneModel, token: str | None = None) -> Iterator[str]:
    """Address of a server that lives as long as the block."""
    config = ServingConfig(token=None if token is None else SecretStr(token), threads=1, access_log=False)
    engine = Engine(config)
    app = create_app(models, engine, config)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def ask(address: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, Message]:
    """Status, content and headers of an answer: to a GET, or to a POST of JSON where there is a body."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", address[len(url.netloc) + 7 :], sent, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json else text, answer.headers
    finally:
        connection.close()
