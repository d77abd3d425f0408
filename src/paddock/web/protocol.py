"""HTTP with bounds on what comes before a body: a client that is slow, or says too much, is let go.

The server's own protocol waits for headers for ever and takes as many as come. Bodies have their bounds where they are
read. A request that arrives whole, as nearly all do, costs a comparison.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds until the headers of a request must be there: since the connection was made, or since they began.
HEADERS_S = 10.0
# Bytes that they may have, and how many fields.
HEADERS_BYTES, HEADERS_MOST = 32_768, 100


class Bounded(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # Whether a request has begun whose headers are not all there, and how many bytes of it came.
        self._waits, self._bytes = False, 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._waits or self.transport.is_closing():
            return
        self._bytes += len(data)
        if self._bytes > HEADERS_BYTES:
            self._let_go(b"431 Request Header Fields Too Large")
        elif self._patience is None:
            self._arm()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waits, self._bytes = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MOST or len(value) > HEADERS_BYTES:
            self._let_go(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._waits = False
        self._disarm()
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing():
            super().on_message_complete()

    def _arm(self) -> None:
        self._patience = self.loop.call_later(HEADERS_S, self._let_go, b"408 Request Timeout")

    def _disarm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _let_go(self, status: bytes) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
