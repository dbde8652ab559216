"""HTTP/1.1 as uvicorn speaks it, with limits on time, headers and connections that it lacks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from clickprompt.serving.context import Exchange, Serving
from clickprompt.serving.http_upgrades import UpgradesPassedOver
from clickprompt.serving.logs import MORE
from clickprompt.serving.problems import last_answer
from clickprompt.serving.unread_answers import UnreadCutOff

logger = logging.getLogger("clickprompt.serving")

MOST_HEADERS = 100


class _Refused(Exception):
    """Ends the parsing of a request; `send_400_response` says why."""


class LimitedProtocol(UpgradesPassedOver, UnreadCutOff):
    """One connection.

    A request must have come whole within `read_seconds` of its first byte, with headers of at most `max_header_bytes`.
    Whoever sends on a body that is refused already is cut off after `max_body_bytes` more. When a caller goes, what is
    computed for it is cancelled.
    """

    serving: Serving

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        self._in_message = self._in_head = False
        self._head_bytes = self._discarded = self._began = 0
        self._refusal = (400, "this is not HTTP/1.1", "bad_http")
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > self.serving.config.max_connections:
            self._refuse(503, "too many connections are open", "too_many_connections")
        else:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what nobody waits for any more."""
        self._clear_deadline()
        super().connection_lost(exc)
        self._abandon()

    def data_received(self, data: bytes) -> None:
        """Parse what came, then see what is still to come."""
        began = self._began
        super().data_received(data)
        if self._in_head and self._began == began:  # all of it was a piece of one head
            self._head_bytes += len(data)
            if self._head_bytes > self.serving.config.max_header_bytes:
                self._refuse(431, "the headers are too long", "bad_http")
        if not self.transport.is_closing():
            self._watch()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._began += 1
        self._head_bytes = self._discarded = 0
        self._clear_deadline()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > self.serving.config.max_header_bytes:
            self._refusal = (414, "the address is too long", "bad_http")
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if len(self.headers) > MOST_HEADERS or self._head_bytes > self.serving.config.max_header_bytes:
            self._refusal = (431, "there are too many headers, or they are too long", "bad_http")
            raise _Refused

    def on_headers_complete(self) -> None:
        """The body comes next."""
        self._in_head = False
        super().on_headers_complete()
        self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > self.serving.config.max_body_bytes:
                self.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The last byte of an answer."""
        self._unanswered.popleft()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What could not be parsed is refused in JSON, as everything is."""
        self._refuse(*self._refusal)

    def shutdown(self) -> None:
        """Close, unless a request is being read or answered: its answer closes the connection."""
        if not self._in_head:
            super().shutdown()
            if self.transport.is_closing():
                self.close()

    def _abandon(self) -> None:
        """Nothing is sent any more; what is computed for the caller is cancelled. uvicorn alone sees to the last of
        pipelined requests only, and would write the answers to others into a closed connection."""
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
            exchange = cycle.scope.get("clickprompt.exchange")
            if isinstance(exchange, Exchange):
                exchange.abandon()

    def _watch(self) -> None:
        """Some timer runs at all times, except while a request is answered, which the engine limits."""
        if self._in_message or self.cycle is None:
            if self._deadline is None:
                self._set_deadline()
            return
        self._clear_deadline()
        if self.cycle.response_complete and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.serving.config.read_seconds, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        answering = self._in_head and self.cycle is not None and not self.cycle.response_complete
        if answering or self.flow.read_paused:  # an earlier request's answer is not out yet: no fault of the caller's
            self._set_deadline()
        elif not self._in_message:
            self.close()
        else:
            seconds = self.serving.config.read_seconds
            self._refuse(408, f"the request did not come whole within {seconds:g} s", "too_slow")

    def _refuse(self, status: int, message: str, reason: str) -> None:
        """Answer without the application, where nothing has been answered yet, and close."""
        if self.transport.is_closing():
            return
        self.serving.metrics.refused(reason)
        client = self.client[0] if self.client else ""
        logger.info("connection refused", extra={MORE: {"client": client, "status": status, "error": message}})
        if self.cycle is None or self._in_head or not self.cycle.response_started:
            self.transport.write(last_answer(status, message))
        self._abandon()
        self.close()


def protocol_for(serving: Serving) -> type[LimitedProtocol]:
    """The protocol with a server's limits; uvicorn makes its instances."""
    members: dict[str, Any] = {"serving": serving, "unread_seconds": serving.config.read_seconds}
    return type("ServingProtocol", (LimitedProtocol,), members)
