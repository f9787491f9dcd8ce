"""The little of HTTP that both servers need, on bare ASGI: the data path stays small."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from plinth_runtime.errors import ApiError, ClientGoneError, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]
Header = tuple[bytes, bytes]

JSON = b"application/json"
EVENT_STREAM = b"text/event-stream"


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Return the request's body.

    Raises:
        ApiError: It is larger than `limit` bytes (413); nothing more is read then.
        ClientGoneError: The client left before it was complete.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def respond(
    send: Send, status: int, body: bytes, headers: Iterable[Header] = (), content_type: bytes = JSON
) -> None:
    """Send a whole answer."""
    fixed = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def respond_error(send: Send, error: ApiError, headers: Iterable[Header] = ()) -> None:
    """Send an error."""
    await respond(send, error.status, error.body(), headers)


async def start_stream(send: Send, status: int, headers: Iterable[Header]) -> None:
    """Send the head of an answer whose body follows in pieces."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def send_piece(send: Send, piece: bytes, *, last: bool = False) -> None:
    """Send a piece of the body; waits while the client reads slowly."""
    await send({"type": "http.response.body", "body": piece, "more_body": not last})


class Watcher:
    """Cancels the running task when the client closes its connection.

    Use as a context manager around the work, after the body has been read. `gone` tells afterwards whether a
    cancellation came from here.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._done = False
        self.gone = False

    def __enter__(self) -> "Watcher":
        work = asyncio.current_task()
        assert work is not None
        self._watch = asyncio.create_task(self._until_gone(work))
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        if self._watch is not None:
            self._watch.cancel()

    async def _until_gone(self, work: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] == "http.request":
            pass
        if not self._done:
            self.gone = True
            work.cancel()
