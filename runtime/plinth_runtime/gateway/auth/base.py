"""What every kind of authentication has in common: what it is asked, and how it renews what expires."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from plinth_runtime.logs import Log


class AuthError(Exception):
    """A request cannot be authenticated; the message says why, for a person, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is about to be sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Fetch(Protocol):
    """Asks any address, for authenticators that have to."""

    async def __call__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return status and body.

        Raises:
            UpstreamError: There is no answer.
        """
        ...


class Authenticator(Protocol):
    """Adds to a request what proves who sends it."""

    def fixed(self) -> dict[str, str] | None:
        """Return the headers to add where they are the same for every request, until the next `refresh`."""
        ...

    async def headers(self, request: Request, fetch: Fetch) -> dict[str, str]:
        """Return the headers to add.

        Raises:
            AuthError: There is no proof to be had.
        """
        ...

    def refresh(self, log: Log) -> None:
        """Read changed files."""
        ...

    def secrets(self) -> list[str]:
        """Return what must not be shown, as far as it is held."""
        ...


Value = TypeVar("Value")

RETRY_SECONDS = 5.0
"""After a failed renewal the old value is used this long, in seconds, before the next attempt."""


@dataclass(frozen=True, slots=True)
class Lease(Generic[Value]):
    """A value that may be used until `expires`, and is worth renewing from `renew` on (`time.monotonic` seconds)."""

    value: Value
    renew: float
    expires: float


class Renewed(Generic[Value]):
    """Holds a value that expires: fetched once for all who wait, renewed before its end, kept while renewal fails."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lease: Lease[Value] | None = None
        self._retry = 0.0
        self._lock = asyncio.Lock()

    def drop(self) -> None:
        """Forget the value: the next one who asks fetches another."""
        self._lease = None
        self._retry = 0.0

    @property
    def held(self) -> Value | None:
        """The value that is held, expired or not."""
        return self._lease.value if self._lease else None

    async def get(self, fetch: Callable[[], Awaitable[Lease[Value]]]) -> Value:
        """Return the value, fetching it where none is held or its end is near.

        Raises:
            AuthError: From `fetch`, where no value is left that has not expired.
        """
        if (value := self._fresh()) is not None:
            return value
        async with self._lock:
            if (value := self._fresh()) is not None:
                return value
            try:
                self._lease = await fetch()
            except AuthError:
                if self._lease is None or self._clock() >= self._lease.expires:
                    raise
                self._retry = self._clock() + RETRY_SECONDS
            return self._lease.value

    def _fresh(self) -> Value | None:
        lease, now = self._lease, self._clock()
        if lease is None or now >= lease.expires or now >= max(lease.renew, self._retry):
            return None
        return lease.value
