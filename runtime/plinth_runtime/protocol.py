"""uvicorn's HTTP/1.1 protocol with limits on request heads, and errors in the API's shape."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from plinth_runtime.errors import ApiError

MAX_HEAD_BYTES = 64 * 1024
"""Largest request line and headers together, in bytes: uvicorn's httptools protocol has no limit of its own."""

HEAD_SECONDS = 20.0
"""Longest time for a request's head to arrive, in seconds: connections that drip bytes must not pile up."""

MAX_HEADERS = 256
"""Most headers of one request."""

LINGER_SECONDS = 10.0
"""Longest time that the rest of a refused body is read and dropped, in seconds, before the connection closes."""

_PIECE = 16 * 1024


class Protocol(HttpToolsProtocol):
    """One client connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes: int | None = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] - as uvicorn does
        """Start the clock."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head. Pieces are small so that a head and the body behind it are told apart."""
        if self._head_bytes is None:
            super().data_received(data)
            return
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing():
                return
            piece = data[start : start + _PIECE]
            if self._head_bytes is not None:
                self._head_bytes += len(piece)
                if self._head_bytes > MAX_HEAD_BYTES + _PIECE:
                    self._refuse(
                        ApiError(431, f"The request's head is above {MAX_HEAD_BYTES} bytes.", "head_too_large")
                    )
                    return
                if self._head_timer is None:
                    self._head_timer = self.loop.call_later(HEAD_SECONDS, self._late)
            super().data_received(piece)

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._stop_timer()
        self._head_bytes = None
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Limit the number of headers: trailers too, which arrive with the body and are not counted in bytes."""
        if len(self.headers) >= MAX_HEADERS:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """Count again: the next byte belongs to another request's head."""
        self._head_bytes = 0
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a body that is still arriving (it was refused) a little time, so that the client reads its answer."""
        super().on_response_complete()
        if self._head_bytes is None and not self.transport.is_closing():
            self._stop_timer()
            self._head_timer = self.loop.call_later(LINGER_SECONDS, self._late)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP."""
        self._refuse(ApiError(400, f"This is not a valid HTTP/1.1 request. {msg}", "invalid_http"))

    def _late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, error: ApiError) -> None:
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self.transport.close()  # an answer is under way on this connection: a second one would corrupt it
            return
        body = error.body()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[error.status] + head + body)
        self.transport.close()
