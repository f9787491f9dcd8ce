"""Clients' connections: HTTP/1.1 as the standard has it, refused where it is ambiguous, limited everywhere.

httptools (llhttp, strict) refuses what is known for request smuggling: Content-Length with Transfer-Encoding or
twice, folded headers, bare CR or LF, malformed chunks. What it lets pass and RFC 9112 does not is refused here.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import httptools

from plinth_runtime.errors import ApiError, too_large
from plinth_runtime.gateway.wire import rules
from plinth_runtime.gateway.wire.request import ServerRequest, status_line

HEAD_SECONDS = 20.0
"""Longest time for a request's head to arrive, in seconds: connections that drip bytes must not pile up."""

BODY_SECONDS = 30.0
"""Longest pause within a request's body, in seconds."""

KEEP_SECONDS = 30.0
"""How long a connection is kept without a request, in seconds."""

LINGER_SECONDS = 10.0
"""Longest time that the rest of a refused body is read and dropped, in seconds, before the connection closes."""

STUCK_SECONDS = 60.0
"""How long a client may read nothing of what was written for it, in seconds, before it counts as gone."""

HELD_BYTES = 64 * 1024
"""How much is read ahead while a request is being answered, in bytes."""

_PIECE = 16 * 1024
_READ = 256 * 1024  # uvloop reads so much at a time


class Application(Protocol):
    """What answers requests."""

    def admit(self, request: ServerRequest) -> ApiError | None:
        """Look at a head; an error refuses it before its body is read. Header lines to send with it are its own."""
        ...

    def refused(self, request: ServerRequest, error: ApiError) -> None:
        """Answer a request that is refused, and take note of it."""
        ...

    async def answer(self, request: ServerRequest) -> None:
        """Answer a request whose body is here. Cancelled when the client goes."""
        ...


class Shared:
    """What all connections of a server share."""

    def __init__(self, application: Application, max_body_bytes: Callable[[], int]) -> None:
        self.application = application
        self.max_body_bytes = max_body_bytes
        self.connections: set[Connection] = set()
        self.ending = False
        self.aborted = False
        self.date = b""


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self.gone = False
        self._reading = True
        self._held = bytearray()
        self._queue: deque[ServerRequest] = deque()
        self._current: ServerRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline = self._loop.time() + HEAD_SECONDS
        self._pause: Callable[[], None] | None = None
        self._resume: Callable[[], None] | None = None
        self._paused = False
        self._closing = False
        self._error: ApiError | None = None
        self._fresh()

    def _fresh(self) -> None:
        """The next byte belongs to a request's head."""
        self._in_head = True
        self._head_bytes = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._count = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._quiet = 0
        self._arriving: ServerRequest | None = None
        self._dropping = False

    # what requests use

    @property
    def ending(self) -> bool:
        """Whether this is the connection's last answer."""
        return self._shared.ending

    @property
    def aborted(self) -> bool:
        """Whether the process ends and waits no longer."""
        return self._shared.aborted

    @property
    def date(self) -> bytes:
        """The date's header line."""
        return self._shared.date

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not self.gone and self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def listen(self, pause: Callable[[], None] | None, resume: Callable[[], None] | None) -> None:
        """Name who is told that the client reads slowly."""
        self._pause, self._resume = pause, resume
        if self._paused and pause is not None:
            pause()

    def finished(self, request: ServerRequest) -> None:
        """An answer is complete."""
        if not request.keep_alive:
            self._closing = True
            if request is self._arriving:
                self._shut()
        if request is self._arriving:  # refused, and its body is still on its way
            self._deadline = self._loop.time() + LINGER_SECONDS

    def _shut(self) -> None:
        """Send nothing more, and drop what still arrives for a while: closing at once could lose the answer."""
        self._deadline = self._loop.time() + LINGER_SECONDS
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment] - a TCP connection's
        self._shared.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what nobody waits for any longer."""
        self.gone = True
        self._shared.connections.discard(self)
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """A client that has closed its side counts as gone."""
        return False

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._paused = True
        self._deadline = self._loop.time() + STUCK_SECONDS
        if self._pause is not None:
            self._pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False
        self._deadline = float("inf") if self._current is not None else self._loop.time() + KEEP_SECONDS
        if self._resume is not None:
            self._resume()

    def data_received(self, data: bytes) -> None:
        """Parse, or keep while a request is being answered."""
        if self._current is not None:
            self._held += data
            if len(self._held) > HELD_BYTES and self._reading:
                self._reading = False
                self._transport.pause_reading()  # type: ignore[union-attr] - data comes from it
            return
        self._feed(data)

    def sweep(self, now: float) -> None:
        """Close a connection that is too slow; called every second."""
        if now < self._deadline or self._transport is None or self.gone:
            return
        if self._paused or self._transport.is_closing():
            self._transport.abort()
            return
        if self._current is not None:
            return
        if self._arriving is not None and not self._dropping and not self._closing:
            self._give_up(ApiError(408, f"No more of the body arrived for {BODY_SECONDS:g} seconds.", "body_timeout"))
        self._transport.close()

    def end(self) -> None:
        """Close, if nothing is being answered."""
        if self._current is None and self._transport is not None and not self._queue:
            self._transport.close()

    # parsing

    def _feed(self, data: bytes) -> None:
        """Feed the parser. A head comes in small pieces, so that head and body are told apart in the count."""
        if self._closing:
            return
        try:
            if not self._in_head or len(data) <= _PIECE:
                self._feed_piece(data)
                return
            for start in range(0, len(data), _PIECE):
                self._feed_piece(data[start : start + _PIECE])
        except httptools.HttpParserUpgrade:
            self._closing = True  # what follows is no HTTP/1.1: the request is answered, and the connection closed
            for request in (*self._queue, self._current):
                if request is not None:
                    request.keep_alive = False
            if self._current is None and not self._queue and self._transport is not None:
                self._transport.close()
        except httptools.HttpParserError as error:
            self._give_up(self._error or rules.answer_to(error))

    def _feed_piece(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > rules.MAX_HEAD_BYTES + _PIECE:
                self._error = rules.head_too_large()
                raise httptools.HttpParserError("head too large")
        else:
            if not self._dropping:
                self._deadline = self._loop.time() + BODY_SECONDS
            self._quiet += len(data)
            if self._quiet > rules.MAX_HEAD_BYTES + _READ:
                self._error = rules.head_too_large("has too much that is neither head nor body")
                raise httptools.HttpParserError("trailers too large")
        self._parser.feed_data(data)

    def _give_up(self, error: ApiError) -> None:
        """Answer what cannot be parsed, and close: where one request ends and the next begins is not known."""
        self._closing = True
        self._queue.clear()
        if self._current is not None:  # an answer is under way: a second one would corrupt it
            self._current.keep_alive = False
            return
        if self._transport is not None and not self._dropping:
            body = error.body()
            lines = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self._transport.write(status_line(error.status) + lines + body)
        self._shut()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._fresh()
        self._deadline = self._loop.time() + HEAD_SECONDS

    def on_url(self, url: bytes) -> None:
        """The request's target, or a part of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer (which is dropped)."""
        self._count += 1
        if self._count > rules.MAX_HEADERS:
            self._error = rules.head_too_large(f"has more than {rules.MAX_HEADERS} headers")
            raise rules.RuleError("too many headers")
        if not self._in_head:
            return
        name = name.lower()
        if (before := self._headers.get(name)) is not None:
            if name in rules.SINGLE:
                raise rules.RuleError(f"header {name.decode('latin-1')!r} came twice")
            value = before + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Decide whether the request is wanted, before its body is read."""
        self._in_head = False
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        rules.check(version, headers)
        keep_alive = parser.should_keep_alive()
        request = ServerRequest(
            self,
            parser.get_method().decode("ascii"),
            rules.target(self._target),
            headers,
            version=version,
            keep_alive=keep_alive,
        )
        self._arriving = request
        self._deadline = self._loop.time() + BODY_SECONDS
        refusal = self._shared.application.admit(request)
        if refusal is None and (length := headers.get(b"content-length")) is not None:
            limit = self._shared.max_body_bytes()
            if int(length[:20]) > limit:
                refusal = too_large(limit)
        if refusal is not None:
            self._refuse(request, refusal)
        elif b"expect" in headers and self._current is None and not self._queue and version == "1.1":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, request: ServerRequest, error: ApiError) -> None:
        self._dropping = True
        self._parts = []
        if b"expect" in request.headers:
            request.keep_alive = False  # whether the body comes or not, the client decides
        if self._current is not None or self._queue:
            request.context = (request.context, error)
            return
        self._shared.application.refused(request, error)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._quiet = 0
        if self._dropping or self._arriving is None:
            return
        self._size += len(data)
        limit = self._shared.max_body_bytes()
        if self._size > limit:
            self._refuse(self._arriving, too_large(limit))
            return
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """A request is here as a whole."""
        request, self._arriving = self._arriving, None
        self._in_head, self._head_bytes = True, 0
        self._deadline = self._loop.time() + KEEP_SECONDS
        if request is None or request.finished:
            if request is not None and not request.keep_alive and self._transport is not None:
                self._transport.close()
            return
        parts = self._parts
        request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        if self._current is None:
            self._dispatch(request)
        else:
            self._queue.append(request)

    # answering

    def _dispatch(self, request: ServerRequest) -> None:
        if isinstance(request.context, tuple):  # refused while another was being answered
            request.context, error = request.context
            self._shared.application.refused(request, error)
            return
        self._current = request
        self._deadline = float("inf")
        self._task = self._loop.create_task(self._shared.application.answer(request))
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        request, self._current, self._task = self._current, None, None
        self._pause = self._resume = None
        if not task.cancelled():
            task.exception()  # the application has taken note of it
        if self.gone or self._transport is None:
            return
        if request is None or not request.finished:
            self._transport.abort()
            return
        self._closing = self._closing or not request.keep_alive
        self._next()

    def _next(self) -> None:
        """Go on to what has arrived meanwhile."""
        transport = self._transport
        if transport is None:
            return
        if self._closing:
            self._queue.clear()
            transport.close()
            return
        self._deadline = self._loop.time() + KEEP_SECONDS
        while self._queue and self._current is None:
            self._dispatch(self._queue.popleft())
        if self._held and self._current is None:
            held = bytes(self._held)
            self._held.clear()
            self._feed(held)
        if not self._reading and self._current is None and not self.gone:
            self._reading = True
            transport.resume_reading()
