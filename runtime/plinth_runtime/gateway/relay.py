"""A stream on its way from a backend to a client: passed on as it arrives, at the speed of the slower side."""

import asyncio
from collections.abc import Callable

from plinth_runtime.gateway.usage import StreamTail
from plinth_runtime.gateway.wire.errors import UpstreamError
from plinth_runtime.gateway.wire.link import Answer
from plinth_runtime.gateway.wire.request import ServerRequest

MAX_LINE_BYTES = 64 * 1024
"""Longest line of a stream that is held back until it is complete, in bytes."""


class Streams:
    """Streams under way, for those who look after silent ones."""

    def __init__(self) -> None:
        self._limits: dict[Relay, float] = {}

    def __len__(self) -> int:
        return len(self._limits)

    def add(self, relay: "Relay", stall_seconds: float) -> None:
        """Begin to look after a stream."""
        self._limits[relay] = stall_seconds

    def remove(self, relay: "Relay") -> None:
        """Stop that."""
        self._limits.pop(relay, None)

    def sweep(self, now: float) -> None:
        """End streams whose backend has been silent for too long; called every second."""
        for relay, limit in list(self._limits.items()):
            if not relay.paused and now - relay.last > limit:
                relay.stalled(limit)


class Relay:
    """Passes a body on: events line by line, so that an error event can follow what was sent if it breaks off."""

    __slots__ = (
        "_answer",
        "_done",
        "_held",
        "_paused",
        "_request",
        "change",
        "error",
        "last",
        "loop",
        "sent",
        "streams",
        "tail",
    )

    def __init__(self, request: ServerRequest, *, streams: bool, keep: bool = False) -> None:
        """`keep` keeps what was sent, for a stream that may have to be continued."""
        self._request = request
        self._answer: Answer | None = None
        self._held = b""
        self._paused = False
        self.loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] | None = None
        self.streams = streams
        self.tail = StreamTail()
        self.sent: list[bytes] | None = [] if keep else None
        self.change: Callable[[bytes], bytes] | None = None
        """What is done to whole lines before they go out."""
        self.error: UpstreamError | None = None
        self.last = self.loop.time()
        """When the last piece came, or the client was last seen to be slow."""

    async def run(self, answer: Answer) -> None:
        """Pass a body on.

        A stream that breaks off behind its own end mark is complete.

        Raises:
            UpstreamError: It broke off; whole lines were sent.
        """
        self._answer, self.error = answer, None
        self.last = self.loop.time()
        self._done = self.loop.create_future()
        answer.relay(self)
        self._request.when_paused(self._pause, self._resume)
        try:
            await self._done
        finally:
            self._request.when_paused(None, None)
        if self.error is not None:
            self._held = b""
            if not self.tail.done():
                raise self.error

    def stalled(self, seconds: float) -> None:
        """Give up on a backend that has been silent for too long."""
        if self._answer is not None and self._done is not None and not self._done.done():
            self._answer.close()
            self.over(UpstreamError("stalled", f"sent nothing for {seconds:g} seconds in the middle of its answer"))

    @property
    def paused(self) -> bool:
        """Whether it is the client that is slow."""
        return self._paused

    def piece(self, data: bytes) -> None:
        """Take a piece."""
        self.last = self.loop.time()
        self.tail.add(data)
        if self.streams and (self._held or not data.endswith(b"\n")):
            data = self._held + data
            end = data.rfind(b"\n") + 1
            if end == 0 and len(data) >= MAX_LINE_BYTES:
                end = len(data)
            data, self._held = data[:end], data[end:]
        if data:
            if self.change is not None:
                data = self.change(data)
            self._request.write(data)
            if self.sent is not None:
                self.sent.append(data)

    def over(self, error: UpstreamError | None) -> None:
        """Take note of the end."""
        self.error = error
        if error is None and self._held:
            self._request.write(self._held)
            self._held = b""
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _pause(self) -> None:
        self._paused = True
        if self._answer is not None:
            self._answer.pause()

    def _resume(self) -> None:
        self._paused = False
        self.last = self.loop.time()
        if self._answer is not None:
            self._answer.resume()
