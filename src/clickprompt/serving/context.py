"""What all routes share, and what is noted of one request on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from clickprompt.serving.config import ServingConfig
from clickprompt.serving.engine import Engine
from clickprompt.serving.metrics import Metrics
from clickprompt.serving.problems import HttpProblem
from clickprompt.serving.repository import Repository
from clickprompt.serving.scorer import Encoded, Scored
from clickprompt.serving.served_model import ServedModel

ROWS_ENCODED_AT_ONCE = 64
"""Rows that are looked up in the event loop, where a hand-over to a thread would cost more; some 0.3 ms."""


@dataclass
class Serving:
    """What all routes share."""

    repository: Repository
    engine: Engine
    config: ServingConfig
    metrics: Metrics
    draining: bool = False
    """Whether the server is about to stop: it is not ready, and asks connections to close."""

    def check_rows(self, rows: int) -> None:
        """Raises HttpProblem for more rows than a request may have."""
        if rows > (most := self.config.max_rows):
            raise HttpProblem(413, f"{rows:,} rows in one request; at most {most:,} are taken", "too_many_rows")

    def asked_for(self, body: Mapping[str, Any]) -> ServedModel:
        """The model and version that a body names, or leaves out. Raises UnknownModel."""
        version = body.get("version")
        return self.repository.find(body.get("model"), None if version is None else str(version))

    async def score(self, model: ServedModel, rows: int, encode: Callable[[], Encoded]) -> Scored:
        """Look up and score the rows of a request."""
        encoded = encode() if rows <= ROWS_ENCODED_AT_ONCE else await self.engine.run(encode)
        scored = await self.engine.score(model, encoded)
        self.metrics.scored(model, scored)
        return scored


class Exchange:
    """What is noted of one request, for the log and the metrics."""

    __slots__ = ("abandoned", "model", "request_id", "rows", "status", "task", "version")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.task = asyncio.current_task()
        self.abandoned = False
        """Whether the caller has gone."""
        self.status = 0
        """0 until the answer begins."""
        self.model = ""
        """Only names of models that are served, so that callers cannot make up labels of metrics."""
        self.version = ""
        self.rows = 0

    def found(self, model: ServedModel, rows: int) -> None:
        """The request is for these rows of this model."""
        self.model, self.version, self.rows = model.name, model.version, rows

    def abandon(self) -> None:
        """The caller has gone: stop what is done for it."""
        self.abandoned = True
        if self.task is not None:
            self.task.cancel()


def serving_of(request: Request) -> Serving:
    """What all routes share."""
    return request.app.state.serving


def exchange_of(scope: Scope) -> Exchange:
    """What is noted of this request."""
    return scope["clickprompt.exchange"]
