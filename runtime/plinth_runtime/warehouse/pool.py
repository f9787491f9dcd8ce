"""Connections that are used again: each is signed in for one warehouse, and used by one query at a time."""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from plinth_runtime.warehouse.config import SnowflakeConnection, WarehouseEndpoint
from plinth_runtime.warehouse.connecting import discard, sign_in
from plinth_runtime.warehouse.keys import KeyRing


@dataclass(slots=True, eq=False)
class Session:
    """A connection and whose turn it is."""

    connection: Any
    warehouse: str | None
    broken: bool = False
    """Whether it must not be used again: a query was broken off, or the server said goodbye."""
    unwanted: tuple[str, UUID] | None = None
    """Statement that still runs at the server though nobody waits for it, and the id of its request."""
    last_used: float = field(default_factory=time.monotonic)


class Pool:
    """Everything here happens in one event loop."""

    def __init__(self, endpoint: WarehouseEndpoint) -> None:
        self._endpoint = endpoint
        self.ring = KeyRing(endpoint.keys) if isinstance(endpoint, SnowflakeConnection) else None
        self._places = asyncio.Semaphore(endpoint.pool.max_connections)
        self._idle: deque[Session] = deque()
        self._used = 0
        self._leaving: set[asyncio.Task[None]] = set()

    async def take(self, warehouse: str | None) -> Session:
        """Borrow a connection for a warehouse, waiting for a place; `give` it back.

        Raises:
            WrongCredentialError: no key signs in.
            UnreachableError: the server cannot be reached.
        """
        await self._places.acquire()
        self._used += 1
        try:
            self._drop_old()
            for session in reversed(self._idle):
                if session.warehouse == warehouse:
                    self._idle.remove(session)
                    return session
            if self._used + len(self._idle) > self._endpoint.pool.max_connections:
                self._retire(self._idle.popleft())
            return Session(await sign_in(self._endpoint, self.ring, warehouse), warehouse)
        except BaseException:
            self._release()
            raise

    def give(self, session: Session) -> None:
        """Take a connection back; what there is to do with a broken one is done without anybody waiting."""
        self._release()
        if session.broken:
            self._retire(session)
        else:
            session.last_used = time.monotonic()
            self._idle.append(session)

    async def close(self) -> None:
        """Sign out everywhere."""
        while self._idle:
            self._retire(self._idle.popleft())
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _release(self) -> None:
        self._used -= 1
        self._places.release()

    def _drop_old(self) -> None:
        oldest = time.monotonic() - self._endpoint.pool.idle_seconds
        while self._idle and self._idle[0].last_used < oldest:
            self._retire(self._idle.popleft())

    def _retire(self, session: Session) -> None:
        task = asyncio.create_task(self._leave(session))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, session: Session) -> None:
        """Stop what still runs, sign out, close; each only as long as is allowed for saying "stop"."""
        seconds, answers = self._endpoint.timeouts.cancel_seconds, True
        if session.unwanted:
            answers = False
            with contextlib.suppress(Exception):
                async with asyncio.timeout(seconds):
                    # It has no public name, and SYSTEM$CANCEL_QUERY needs an id that is not known yet.
                    await session.connection._cancel_query(*session.unwanted)
                    answers = True
        await discard(session.connection, seconds if answers else 0)
