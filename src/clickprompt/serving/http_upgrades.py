"""Requests that offer another protocol, answered in HTTP/1.1 as if they had not."""

from __future__ import annotations

import sys

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = (b"upgrade", b"http2-settings")


class UpgradesPassedOver(HttpToolsProtocol):
    """Java's client offers HTTP/2 with its first request; uvicorn alone would answer that without reading its body.

    The parser stops where the other protocol would begin, so the request is parsed again without the offer.
    """

    def data_received(self, data: bytes) -> None:
        """Keep what is parsed at hand."""
        self._data = data
        super().data_received(data)

    def _should_upgrade(self) -> bool:
        return self.parser.should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Called by uvicorn when the parser has stopped at an offer."""
        stopped = sys.exception()
        assert isinstance(stopped, httptools.HttpParserUpgrade)
        rest = self._data[stopped.args[0] :]
        lines = [self.scope["method"].encode(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in _OFFER and not (name == b"connection" and b"upgrade" in value.lower()):
                lines += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*lines, b"\r\n", rest]))
