"""Every request goes through here: its id, its limits, its token; errors become answers; log and metrics are kept."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import time
from dataclasses import replace
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clickprompt.serving.access_log import AccessLog
from clickprompt.serving.context import Exchange, Serving
from clickprompt.serving.json_bodies import too_large
from clickprompt.serving.logs import MORE
from clickprompt.serving.problems import HttpProblem, problem_of

logger = logging.getLogger("clickprompt.serving")

OPEN = frozenset({"/", "/metrics", "/docs", "/openapi.json", "/v2/health/live", "/v2/health/ready"})
"""Addresses that need no token: none of them tells what is asked or answered."""
OPEN_FOLDER = "/page/"
_CALLERS_ID = re.compile(rb"[\x21-\x7e]{1,128}")

_GONE = HttpProblem(499, "the caller has gone", "gone")
_STOPPING = HttpProblem(503, "the server is stopping", "stopping")


class Gate:
    """Pure ASGI, around the routes."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self.app = app
        self.serving = serving
        token = serving.config.token
        self._token = None if token is None else token.get_secret_value().encode()
        self._access = AccessLog() if serving.config.access_log else None
        self._ids = map(f"{os.urandom(6).hex()}-{{:x}}".format, count())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        exchange = Exchange(self._request_id(headers))
        method = scope["method"]
        if method == "HEAD":  # answered as GET; the protocol leaves the body out
            scope = dict(scope, method="GET")
        scope["clickprompt.exchange"] = exchange
        serving = self.serving
        serving.metrics.in_flight.inc()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                added = [(b"x-request-id", exchange.request_id.encode())]
                if serving.draining:
                    added.append((b"connection", b"close"))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            self._check(scope["path"], headers)
            await self.app(scope, receive, answer)
        except asyncio.CancelledError:  # the caller has gone, or the server stops and can wait no longer
            problem = _GONE if exchange.abandoned else _STOPPING
            await self._refuse(problem, scope, exchange, answer)
        except Exception as error:
            await self._refuse(problem_of(error), scope, exchange, answer, error)
        finally:
            serving.metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "")
            serving.metrics.answered(route, exchange.model, exchange.status, seconds)
            if self._access is not None:
                self._access.write(exchange, method, route or scope["path"], scope["client"], seconds)

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        return given.decode() if given is not None and _CALLERS_ID.fullmatch(given) else next(self._ids)

    def _check(self, path: str, headers: dict[bytes, bytes]) -> None:
        """Raises HttpProblem for a request that needs not be read further."""
        if self._token is not None and path not in OPEN and not path.startswith(OPEN_FOLDER):
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise HttpProblem(
                    401,
                    "this server asks for a token; send it as Authorization: Bearer TOKEN",
                    "unauthorized",
                    {"WWW-Authenticate": "Bearer"},
                )
        limit = self.serving.config.max_body_bytes
        if int(headers.get(b"content-length", 0)) > limit:
            raise too_large(limit)
        encoding = headers.get(b"content-encoding", b"identity")
        if encoding.lower() != b"identity":
            raise HttpProblem(415, "compressed bodies are not read; leave Content-Encoding out", "bad_request")

    async def _refuse(
        self, problem: HttpProblem, scope: Scope, exchange: Exchange, answer: Send, error: Exception | None = None
    ) -> None:
        self.serving.metrics.refused(problem.reason)
        if problem.status == 500:
            logger.error("request failed", exc_info=error, extra={MORE: {"request_id": exchange.request_id}})
        if exchange.status:  # too late for another answer
            if error is not None:
                raise error
            return
        if any(name == b"expect" for name, _ in scope["headers"]):
            # the caller may wait for leave to send its body, so nobody knows whether what comes next is that body
            problem = replace(problem, headers={**problem.headers, "Connection": "close"})
        await problem.response(scope, _nothing, answer)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
