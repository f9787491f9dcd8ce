"""Requests that wait for a model without a replica, so that a model which nobody asked for may cost nothing."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from plinth_runtime.config import Backend, Hold
from plinth_runtime.errors import ApiError
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.metrics import Metrics

ASLEEP = frozenset({"connect", "timeout"})
"""Failures that a backend without a ready replica gives; the request has not reached anybody."""

RETRY_SECONDS = 30
"""What a refused client is told to wait: a replica is on its way."""

DRAIN_RETRY_SECONDS = 1
"""What it is told when only this gateway ends: others go on."""


class Holding:
    """Holds requests, a bounded number for a bounded time, until their backend answers its probe.

    How many are held is a metric: the platform's autoscaler starts a replica when it is above zero.
    """

    def __init__(self, backends: Iterable[Backend], health: Health, metrics: Metrics, ending: asyncio.Event) -> None:
        """`ending` is set when this gateway has been told to end."""
        self._health = health
        self._refusals = metrics.hold_refusals
        self._ending = ending
        self._held: Counter[str] = Counter()
        self._metrics = metrics
        self.replace(backends)

    def replace(self, backends: Iterable[Backend]) -> None:
        """Take other backends."""
        self._gauges = {b.name: self._metrics.held.labels(b.name) for b in backends if b.hold is not None}

    async def wait(self, backend: Backend, hold: Hold, until: float) -> None:
        """Return once the backend is reachable.

        Raises:
            ApiError: Too many requests wait already, none became reachable until `until` (a time of the event
                loop), or this gateway ends: 503, with the seconds after which to try again.
        """
        if self._held[backend.name] >= hold.max_requests:
            waiting = f"{hold.max_requests} requests wait for it already"
            raise self._refuse(backend, "full", f"is starting, and {waiting}", RETRY_SECONDS)
        self._count(backend.name, 1)
        try:
            async with asyncio.timeout_at(until):
                await self._up_or_ending(backend.name)
        except TimeoutError:
            late = f"did not start within {hold.seconds:g} seconds"
            raise self._refuse(backend, "late", late, RETRY_SECONDS) from None
        finally:
            self._count(backend.name, -1)
        if self._ending.is_set() and not self._health.is_up(backend.name):
            raise self._refuse(backend, "draining", "is starting, and this gateway ends", DRAIN_RETRY_SECONDS)

    async def _up_or_ending(self, backend: str) -> None:
        waits = [asyncio.create_task(it) for it in (self._health.until_up(backend), self._ending.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    def _count(self, backend: str, change: int) -> None:
        self._held[backend] += change
        if (gauge := self._gauges.get(backend)) is not None:
            gauge.set(self._held[backend])

    def _refuse(self, backend: Backend, reason: str, words: str, retry_after: int) -> ApiError:
        self._refusals.labels(backend.name, reason).inc()
        message = f"Backend '{backend.name}' {words}. Try again after {retry_after} seconds."
        return ApiError(503, message, "backend_starting", retry_after=retry_after)
