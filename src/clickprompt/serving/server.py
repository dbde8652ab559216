"""The HTTP server of one process: starts on a socket it is given, stops without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import Callable, Iterator

import uvicorn

from clickprompt.serving.app import ServingApp
from clickprompt.serving.context import Serving
from clickprompt.serving.http_protocol import protocol_for

logger = logging.getLogger("clickprompt.serving")


class Server(uvicorn.Server):
    """uvicorn with the limits of `http_protocol`, stopped in two steps: first `stop` or `retire`, then it ends.

    Meanwhile every answer asks its connection to close, so that when the rest is closed no caller is about to use it.
    """

    def __init__(self, app: ServingApp, on_started: Callable[[], None]) -> None:
        self.serving: Serving = app.state.serving
        self._on_started = on_started
        config = self.serving.config
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_for(self.serving),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=math.ceil(config.keep_alive_seconds),
                timeout_graceful_shutdown=math.ceil(config.read_seconds + config.timeout_seconds),
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        self._on_started()

    def stop(self) -> None:
        """Not ready any more, yet for `drain_seconds` accept connections of callers who have not heard; then end."""
        self._drain("stopping")

    def retire(self) -> None:
        """Leave new connections to the process that follows this one on the same socket; drain those there are; end."""
        if not self.serving.draining:
            for server in self.servers:
                server.close()
        self._drain("retiring")

    def _drain(self, event: str) -> None:
        if self.serving.draining:
            return
        self.serving.draining = True
        logger.info(event)
        asyncio.get_running_loop().call_later(self.serving.config.drain_seconds, self._end)

    def _end(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process has its own way with signals."""
        yield
