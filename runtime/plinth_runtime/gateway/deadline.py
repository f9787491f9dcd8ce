"""The time that a request has, from its start to its answer's last byte; and that an answer has to begin."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from plinth_runtime import names
from plinth_runtime.errors import invalid_request

TICK_SECONDS = 0.1
"""How exact times are kept, in seconds: a timer of its own for each request would cost more than it is worth."""

_HEADER = names.TIMEOUT_HEADER.encode()


class Timed(Protocol):
    """Something that ends when its time is up."""

    def expire(self) -> None:
        """Time is up."""
        ...


class Wheel:
    """Times to come, in slots of TICK_SECONDS. Needs a running event loop when it is first used."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._next: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, timed: Timed, when: float) -> int:
        """Expire something at a time of the event loop; return what `remove` wants."""
        slot = int(when / TICK_SECONDS) + 1
        if (found := self._slots.get(slot)) is None:
            found = self._slots[slot] = set()
        found.add(timed)
        if self._next is None:
            self._loop = asyncio.get_running_loop()
            self._next = int(self._loop.time() / TICK_SECONDS)
            self._loop.call_later(TICK_SECONDS, self._tick)
        return slot

    def remove(self, timed: Timed, slot: int) -> None:
        """Forget something."""
        if (found := self._slots.get(slot)) is not None:
            found.discard(timed)

    def _tick(self) -> None:
        assert self._loop is not None and self._next is not None
        now = int(self._loop.time() / TICK_SECONDS)
        while self._next <= now:
            for timed in self._slots.pop(self._next, ()):
                timed.expire()
            self._next += 1
        if self._slots:
            self._loop.call_later(TICK_SECONDS, self._tick)
        else:
            self._next = None


class Deadline:
    """Cancels the running task when time is up. `expired` tells such a cancellation from others."""

    __slots__ = ("_slot", "_task", "_wheel", "expired", "seconds", "when")

    def __init__(self, wheel: Wheel, now: float, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._wheel = wheel
        self.seconds = seconds
        self.when = now + seconds
        self.expired = False
        self._slot = wheel.add(self, self.when)

    def extend(self, seconds: float) -> None:
        """Give the request more time."""
        self._wheel.remove(self, self._slot)
        self.when += seconds
        self._slot = self._wheel.add(self, self.when)

    def cancel(self) -> None:
        """Stop the clock."""
        self._wheel.remove(self, self._slot)

    def expire(self) -> None:
        """Time is up."""
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
