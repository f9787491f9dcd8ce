"""One connection to a backend: one request at a time, its answer handed on as it arrives."""

import asyncio
from typing import Protocol

import httptools

from plinth_runtime.gateway.wire.errors import UpstreamError

MAX_HEAD_BYTES = 64 * 1024
"""Largest head of an answer, trailers included, in bytes."""

WHOLE_BYTES = 1 << 20
"""Up to this size, in bytes, a plain answer is read whole before its first byte goes to the client, so that another
backend can still take over; what is larger is passed on as it arrives."""

EARLY_BYTES = 256 * 1024
"""How much of a stream waits for whoever asked for it, in bytes, before its backend has to wait."""

EVENT_STREAM = b"text/event-stream"


class Sink(Protocol):
    """Takes a body as it arrives."""

    def piece(self, data: bytes) -> None:
        """Take a piece."""
        ...

    def over(self, error: UpstreamError | None) -> None:
        """Take note of the end; an error where the body is not complete."""
        ...


class Owner(Protocol):
    """The pool that a connection belongs to."""

    def free(self, link: "Link") -> None:
        """Take back a connection that can be used again."""
        ...

    def lost(self, link: "Link") -> None:
        """Forget a connection."""
        ...


class Answer:
    """A backend's answer, from the moment that its request was sent."""

    __slots__ = (
        "_ready",
        "_seen",
        "_sink",
        "_size",
        "complete",
        "error",
        "headers",
        "link",
        "parts",
        "status",
        "streams",
    )

    def __init__(self, link: "Link", ready: "asyncio.Future[None]") -> None:
        self.link: Link | None = link
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.streams = False
        self.complete = False
        self.error: UpstreamError | None = None
        self.parts: list[bytes] = []
        self._size = 0
        self._seen = False
        self._ready = ready
        self._sink: Sink | None = None

    async def begun(self) -> None:
        """Wait for the start: a stream's first piece, or a plain body (whole, or WHOLE_BYTES of it).

        Raises:
            UpstreamError: The connection broke before that.
        """
        await self._ready
        if self.error is not None:
            raise self.error

    @property
    def start(self) -> bytes:
        """What has arrived until now."""
        parts = self.parts
        if len(parts) > 1:
            parts[:] = [b"".join(parts)]
        return parts[0] if parts else b""

    @property
    def touched(self) -> bool:
        """Whether any byte of the answer has arrived."""
        return self._seen

    def header(self, name: bytes) -> bytes | None:
        """Return the value of a header (lower-case name), the first if there are several."""
        for found, value in self.headers:
            if found == name:
                return value
        return None

    def relay(self, sink: Sink) -> None:
        """Hand the body on: what has arrived at once, the rest as it arrives."""
        parts, self.parts = self.parts, []
        self._sink = sink
        for part in parts:
            sink.piece(part)
        if self.complete or self.error is not None:
            sink.over(self.error)
        else:
            self.resume()

    def pause(self) -> None:
        """Let the backend wait."""
        if self.link is not None:
            self.link.pause()

    def resume(self) -> None:
        """Let it go on."""
        if self.link is not None:
            self.link.resume()

    def close(self) -> None:
        """Let go: a connection whose answer is not complete is closed."""
        self._sink = None
        if self.link is not None:
            self.link.drop()

    def give_up(self, error: UpstreamError) -> None:
        """Let go, and tell whoever waits for its start."""
        link = self.link
        self.ended(error)
        if link is not None:
            link.drop()

    # What the connection says.

    def took_head(self, status: int, headers: list[tuple[bytes, bytes]], *, streams: bool) -> None:
        """The head is here."""
        self.status, self.headers, self.streams = status, headers, streams

    def took_byte(self) -> None:
        """Some byte is here."""
        self._seen = True

    def took_body(self, data: bytes) -> None:
        """A piece of the body is here."""
        if self._sink is not None:
            self._sink.piece(data)
            return
        self.parts.append(data)
        self._size += len(data)
        if self.streams:
            self._wake()
            if self._size > EARLY_BYTES:
                self.pause()
        elif self._size > WHOLE_BYTES:
            self._wake()
            self.pause()

    def ended(self, error: UpstreamError | None) -> None:
        """Nothing more comes."""
        if self.complete or self.error is not None:
            return
        self.link = None
        self.complete, self.error = error is None, error
        self._wake()
        if self._sink is not None:
            self._sink.over(error)

    def _wake(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)


class Link(asyncio.Protocol):
    """A connection."""

    def __init__(self, owner: Owner, address: str) -> None:
        self.address = address
        """IP address of the other side."""
        self.used = 0
        """Requests sent on it."""
        self.idle_since = 0.0
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        """What has arrived since the head began, or since the last piece of the body."""
        self._lines_bytes = 0
        """Headers and trailers."""
        self._until_close = False
        self._informational = False
        self._streams = False
        self._broken = False
        self._paused = False
        self._body_sent = True
        self.transport: asyncio.Transport | None = None

    def send(self, head: bytes, body: bytes) -> Answer:
        """Send a request whose head is complete."""
        assert self.transport is not None and self._answer is None
        answer = self._answer = Answer(self, self._loop.create_future())
        self.used += 1
        self._until_close = False
        if len(body) > 65536:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head + body if body else head)
        return answer

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it."""
        return not self._broken and self.transport is not None and not self.transport.is_closing()

    def pause(self) -> None:
        """Stop reading."""
        if not self._paused and self.usable:
            self._paused = True
            self.transport.pause_reading()  # type: ignore[union-attr] - `usable` has looked

    def resume(self) -> None:
        """Read on."""
        if self._paused and self.transport is not None:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def drop(self) -> None:
        """Close at once: what is under way is of no use to anybody."""
        self._answer = None
        self._broken = True
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close an idle connection."""
        self._broken = True
        if self.transport is not None:
            self.transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment] - a TCP connection's

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        answer = self._answer
        if answer is None:
            self._fail_quietly()  # nobody has asked for anything
            return
        answer.took_byte()
        if self._head_bytes > MAX_HEAD_BYTES:
            self._fail("protocol", "gave no valid HTTP answer (its head is too large)")
            self.transport.abort()  # type: ignore[union-attr] - data comes from it
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("protocol", "gave no valid HTTP answer (it changes the protocol)")
        except httptools.HttpParserError as error:
            self._fail("protocol", f"gave no valid HTTP answer ({type(error).__name__})")
        if self._broken and self.transport is not None:
            self.transport.abort()

    def eof_received(self) -> bool:
        """The other side has finished: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._broken = True
        answer, self._answer = self._answer, None
        if answer is not None:
            if answer.status and self._until_close and exc is None:
                answer.ended(None)
            elif answer.status:
                answer.ended(UpstreamError("broken", f"broke off its answer ({_kind(exc)})"))
            else:
                answer.ended(UpstreamError("disconnect", "closed the connection without an answer"))
        self._owner.lost(self)

    # httptools

    def on_message_begin(self) -> None:
        """A head begins, or something that nobody asked for."""
        self._headers = []
        self._lines_bytes = 0
        self._streams = False
        if self._answer is None:
            self._broken = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those behind the body are dropped."""
        self._lines_bytes += len(name) + len(value)
        if self._lines_bytes > MAX_HEAD_BYTES:
            raise ValueError("head too large")
        answer = self._answer
        if answer is not None and answer.status:
            return
        name = name.lower()
        if name == b"content-type":
            self._streams = value.lower().startswith(EVENT_STREAM)
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Tell the answer, unless it is an informational one."""
        status = self._parser.get_status_code()
        self._informational = status < 200
        if self._informational or self._answer is None:
            return
        names = [name for name, _ in self._headers]
        bodiless = status in (204, 304)
        self._until_close = not bodiless and b"content-length" not in names and not self._chunked()
        self._head_bytes = 0
        self._answer.took_head(status, self._headers, streams=self._streams)

    def on_body(self, data: bytes) -> None:
        """Hand on a piece."""
        self._head_bytes = 0
        if self._answer is not None:
            self._answer.took_body(data)

    def on_chunk_header(self) -> None:
        """Count what is no body from here."""
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        """Give the connection back, if it can be used again, and tell the answer."""
        if self._informational:
            self._informational = False
            self._head_bytes = 0
            return
        answer, self._answer = self._answer, None
        if answer is None:
            return
        keep = self._parser.should_keep_alive() and not self._unsent() and not self._broken
        self.resume()
        if keep:
            self._owner.free(self)
        else:
            self._broken = True
        answer.ended(None)

    def _chunked(self) -> bool:
        return any(name == b"transfer-encoding" and value.lower().endswith(b"chunked") for name, value in self._headers)

    def _unsent(self) -> bool:
        return self.transport is None or self.transport.get_write_buffer_size() > 0

    def _fail(self, reason: str, detail: str) -> None:
        self._broken = True
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.ended(UpstreamError(reason, detail))

    def _fail_quietly(self) -> None:
        self._broken = True
        if self.transport is not None:
            self.transport.abort()


def _kind(error: Exception | None) -> str:
    return type(error).__name__ if error else "end of file"
