"""The time that a request has, from its start to its answer's last byte."""

import asyncio
from collections.abc import Mapping

from plinth_runtime import names
from plinth_runtime.errors import invalid_request

_HEADER = names.TIMEOUT_HEADER.encode()


class Deadline:
    """Cancels the running task when time is up. `expired` tells such a cancellation from others."""

    __slots__ = ("_handle", "_loop", "_task", "expired", "seconds", "when")

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self.seconds = seconds
        self.when = self._loop.time() + seconds
        self.expired = False
        self._handle = self._loop.call_at(self.when, self._expire)

    def left(self) -> float:
        """Seconds that are left."""
        return self.when - self._loop.time()

    def extend(self, seconds: float) -> None:
        """Give the request more time."""
        self._handle.cancel()
        self.when += seconds
        self._handle = self._loop.call_at(self.when, self._expire)

    def cancel(self) -> None:
        """Stop the clock."""
        self._handle.cancel()

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()


def seconds_for(headers: Mapping[bytes, bytes], configured: float) -> float:
    """Return the time for a request: the configured one, or less where the client says so.

    Raises:
        ApiError: The header is no positive number (400).
    """
    asked = headers.get(_HEADER)
    if asked is None:
        return configured
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise invalid_request(f"Header {names.TIMEOUT_HEADER} must be a number of seconds.", "invalid_timeout")
    return min(seconds, configured)
