"""A client's request, and the way to answer it."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from plinth_runtime.errors import ApiError

if TYPE_CHECKING:
    from plinth_runtime.gateway.wire.server import Connection

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status


class ServerRequest:
    """One request. Its answer goes out either whole (`send`) or in pieces (`start`, `write`, `end`)."""

    __slots__ = (
        "_chunked",
        "_connection",
        "body",
        "context",
        "finished",
        "head_only",
        "headers",
        "keep_alive",
        "method",
        "path",
        "started",
        "target",
        "version",
    )

    def __init__(
        self,
        connection: "Connection",
        method: str,
        target: str,
        headers: dict[bytes, bytes],
        *,
        version: str,
        keep_alive: bool,
    ) -> None:
        self._connection = connection
        self.method = method
        self.target = target
        """Path and query, as sent."""
        self.path = target.partition("?")[0] if "?" in target else target
        self.headers = headers
        """Names in lower case; values of a name that came several times are joined by commas."""
        self.version = version
        self.keep_alive = keep_alive
        self.head_only = method == "HEAD"
        self.body = b""
        self.started = False
        self.finished = False
        self.context: Any = None
        """What the application keeps with the request."""
        self._chunked = False

    def send(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer; `lines` are header lines, each with its CRLF, other than content-length."""
        if not self._begin():
            return
        framing = b"" if status == 204 else b"content-length: %d\r\n" % len(body)
        head = b"%b%b%b%b\r\n" % (status_line(status), lines, self._common(), framing)
        self._connection.write(head if self.head_only else head + body)
        self._finish()

    def refuse(self, error: ApiError, lines: bytes = b"") -> None:
        """Send an error."""
        if error.retry_after is not None:
            lines += b"retry-after: %d\r\n" % error.retry_after
        self.send(error.status, b"content-type: application/json\r\n" + lines, error.body())

    def start(self, status: int, lines: bytes, length: bytes | None = None) -> None:
        """Send the head of an answer whose body follows in pieces; `length` where it is known."""
        if not self._begin():
            return
        if length is not None:
            framing = b"content-length: %b\r\n" % length
        elif self.version == "1.1":
            self._chunked, framing = True, b"transfer-encoding: chunked\r\n"
        else:
            self.keep_alive, framing = False, b""
        self._connection.write(b"%b%b%b%b\r\n" % (status_line(status), lines, framing, self._common()))

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if data and not self.head_only and not self.finished:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        """Send the end of the body."""
        if not self.finished:
            if self._chunked and not self.head_only:
                self._connection.write(b"0\r\n\r\n")
            self._finish()

    def abort(self) -> None:
        """Close the connection: the only way to tell the client that an answer is not complete."""
        self.finished = True
        self.keep_alive = False
        self._connection.abort()

    @property
    def gone(self) -> bool:
        """Whether the client has closed its connection."""
        return self._connection.gone

    @property
    def aborted(self) -> bool:
        """Whether the connection was closed because the process ends."""
        return self._connection.aborted

    def when_paused(self, pause: Callable[[], None] | None, resume: Callable[[], None] | None) -> None:
        """Name what to call when the client reads too slowly, and when it has caught up."""
        self._connection.listen(pause, resume)

    def _begin(self) -> bool:
        if self.started:
            raise RuntimeError("an answer was begun already")
        self.started = True
        return not self._connection.gone

    def _common(self) -> bytes:
        if self._connection.ending:
            self.keep_alive = False
        return self._connection.date + (b"" if self.keep_alive else b"connection: close\r\n")

    def _finish(self) -> None:
        self.finished = True
        self._connection.finished(self)


Task = asyncio.Task[None]
