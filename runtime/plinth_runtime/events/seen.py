"""What was handled already: carriers deliver at least once, and this makes it once."""

import asyncio
import sqlite3
import time
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from plinth_runtime.events.event import EventError

KEEP_SECONDS = 14 * 24 * 3600
"""How long an id is remembered: as long as a queue keeps a message at most."""


class Seen(Protocol):
    """Remembers the ids of events that were handled. Processes that share the work share one."""

    async def known(self, id: str) -> bool:
        """Whether the event was handled."""
        ...

    async def add(self, id: str) -> None:
        """The event was handled. A duplicate that comes after this is not handled again."""
        ...


class MemorySeen:
    """Remembers the last ids of this process; for handlers to which a repetition after a restart does no harm."""

    def __init__(self, most: int = 100_000) -> None:
        """Remember at most `most` ids, the newest."""
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    async def known(self, id: str) -> bool:
        """Whether the event was handled."""
        return id in self._ids

    async def add(self, id: str) -> None:
        """The event was handled."""
        self._ids[id] = None
        self._ids.move_to_end(id)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)


class SqliteSeen:
    """Remembers ids in a file, through restarts and crashes; for one process, or a few on one machine."""

    def __init__(self, file: Path, consumer: str) -> None:
        """Open or make the file.

        Args:
            file: where.
            consumer: whose memory it is; several can share a file.

        Raises:
            EventError: the file cannot be used.
        """
        self._file, self._consumer = file, consumer
        self._lock = asyncio.Lock()
        self._run(
            "CREATE TABLE IF NOT EXISTS seen (consumer TEXT, id TEXT, at REAL, PRIMARY KEY (consumer, id))"
            " WITHOUT ROWID"
        )
        self._run("DELETE FROM seen WHERE at < ?", time.time() - KEEP_SECONDS)

    async def known(self, id: str) -> bool:
        """Whether the event was handled.

        Raises:
            EventError: the file cannot be read.
        """
        return bool(await self._ask("SELECT 1 FROM seen WHERE consumer = ? AND id = ?", self._consumer, id))

    async def add(self, id: str) -> None:
        """The event was handled; on disk when this returns.

        Raises:
            EventError: the file cannot be written, for example because the disk is full.
        """
        await self._ask("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", self._consumer, id, time.time())

    async def _ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        async with self._lock:
            return await asyncio.to_thread(self._run, statement, *values)

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        try:
            connection = sqlite3.connect(self._file, timeout=10, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                return connection.execute(statement, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise EventError(f"cannot remember handled events in {self._file}: {error}") from None
