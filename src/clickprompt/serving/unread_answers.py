"""Connections whose callers do not read what they are answered."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class UnreadCutOff(HttpToolsProtocol):
    """What a caller has not read within `unread_seconds` is not sent: neither what fills the buffers, nor the end of a
    last answer, for which uvicorn alone would keep a closing connection as long as the caller does."""

    unread_seconds: float
    _unread: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to cut."""
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The caller does not read."""
        super().pause_writing()
        self._cut_soon()

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def on_response_complete(self) -> None:
        """Called by uvicorn when the last byte of an answer is written; it may have closed the connection."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._cut_soon()

    def timeout_keep_alive_handler(self) -> None:
        """Called by uvicorn when no request has come for long."""
        self.close()

    def close(self) -> None:
        """Close, once the caller has read what was written."""
        self.transport.close()
        self._cut_soon()

    def _cut_soon(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)
