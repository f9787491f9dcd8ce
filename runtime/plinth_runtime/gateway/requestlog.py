"""One line for each request, written in batches by a thread: whoever reads the log slowly delays no request."""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

FLUSH_SECONDS = 0.05
"""How long a line waits for others, in seconds."""

MOST_LINES = 20_000
"""Lines that wait at most; further ones are dropped, and counted."""


class Line(msgspec.Struct, omit_defaults=True):
    """What is said of a request. Never what it said."""

    time: str
    level: str
    event: str
    environment: str
    request_id: str
    status: int
    streamed: bool
    milliseconds: float
    tenant: str | None = None
    key: str | None = None
    trace_project: str | None = None
    route: str | None = None
    backend: str | None = None
    model: str | None = None
    error: str | None = None
    failures: list[str] | None = None
    data_class: str | None = None
    first_byte_milliseconds: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


_encode = msgspec.json.Encoder().encode


_second: tuple[int, str] = (0, "")


def now() -> str:
    """The time, as log lines have it."""
    global _second
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    if seconds != _second[0]:
        _second = (seconds, datetime.fromtimestamp(seconds, UTC).isoformat()[:19])
    return f"{_second[1]}.{rest // 1_000_000:03d}+00:00"


class RequestLog:
    """Takes lines, and writes them later."""

    def __init__(self, environment: str, dropped: Callable[[], None]) -> None:
        self.environment = environment
        self._dropped = dropped
        self._lines: list[bytes] = []
        self._writing: asyncio.Future[None] | None = None
        self._due: asyncio.TimerHandle | None = None

    def add(self, line: Line) -> None:
        """Take a line."""
        if len(self._lines) >= MOST_LINES:
            self._dropped()
            return
        self._lines.append(_encode(line))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    async def close(self) -> None:
        """Write what is left."""
        if self._due is not None:
            self._due.cancel()
        if self._writing is not None:
            await self._writing
        lines, self._lines = self._lines, []
        _write(lines)

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        if self._writing is not None and not self._writing.done():
            self._due = loop.call_later(FLUSH_SECONDS, self._flush)
            return
        self._due = None
        lines, self._lines = self._lines, []
        self._writing = loop.run_in_executor(None, _write, lines)


def _write(lines: list[bytes]) -> None:
    if lines:
        out = sys.stdout.buffer
        out.write(b"\n".join(lines) + b"\n")
        out.flush()
