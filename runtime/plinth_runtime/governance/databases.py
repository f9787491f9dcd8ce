"""SQL databases behind one small port: statements with `?` for each value, rows as tuples, one transaction a block."""

import asyncio
import contextlib
import itertools
import re
import sqlite3
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol, cast
from uuid import UUID

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.governance.config import PostgresStore, SqliteStore, Store

CONNECT_SECONDS = 30
"""Longest time to connect: a paused Aurora cluster needs about 15 seconds to wake."""

STATEMENT_SECONDS = 120
"""Longest time for one statement."""


class Database(Protocol):
    """A database. Every method raises StartupError when it cannot be reached or refuses."""

    name: str
    """Name of the store."""

    async def fetch(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    async def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a statement; gives the number of rows that it changed."""
        ...

    async def execute_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each list of values."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A block whose statements hold together, or not at all."""
        ...

    async def close(self) -> None:
        """Give the connection back."""
        ...


async def connect(store: Store) -> Database:
    """Connect to a store.

    Raises:
        StartupError: it cannot be reached within `CONNECT_SECONDS`, or it refuses the credentials.
    """
    return await Postgres.connect(store) if isinstance(store, PostgresStore) else Sqlite(store)


def quote(name: str) -> str:
    """A name in quotes, so that it is never read as SQL."""
    return '"' + name.replace('"', '""') + '"'


class Postgres:
    """PostgreSQL through asyncpg."""

    def __init__(self, store: PostgresStore, connection: Any) -> None:
        self.name, self._store, self._connection = store.name, store, connection

    @classmethod
    async def connect(cls, store: PostgresStore) -> "Postgres":
        """Connect, always with TLS."""
        import asyncpg

        user, password = (_credential(store, part) for part in ("username", "password"))
        encryption: str | ssl.SSLContext = "require"
        if store.ca_file:
            encryption = ssl.create_default_context(cafile=str(resolve(store.ca_file)))
        try:
            connection = await asyncpg.connect(
                host=store.host,
                port=store.port,
                database=store.database,
                user=user,
                password=password,
                ssl=encryption,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            reason = str(error) or type(error).__name__
            raise StartupError(
                f"cannot connect to PostgreSQL at {store.host}:{store.port}, database {store.database}, as {user}: "
                f"{reason}. Check that it runs, that its security group lets this pod in, and the credentials"
            ) from None
        return cls(store, connection)

    async def fetch(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return [tuple(row) for row in await self._run(self._connection.fetch, sql, values)]

    async def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a statement; gives the number of rows that it changed."""
        status = str(await self._run(self._connection.execute, sql, values))
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def execute_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each list of values, without waiting for each answer."""
        await self._run(self._connection.executemany, sql, [list(row) for row in values], many=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A block whose statements hold together."""
        async with self._connection.transaction():
            yield

    async def close(self) -> None:
        """Give the connection back, politely for a second at most."""
        try:
            await self._connection.close(timeout=1)
        except (OSError, TimeoutError):
            self._connection.terminate()

    async def _run(self, call: Any, sql: str, values: Sequence[Any], *, many: bool = False) -> Any:
        import asyncpg

        numbers = itertools.count(1)
        text = re.sub(r"\?", lambda _: f"${next(numbers)}", sql)
        try:
            return await (call(text, values) if many else call(text, *values))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {STATEMENT_SECONDS} seconds"
            raise StartupError(f"store {self.name} (PostgreSQL at {self._store.host}): {reason}") from None


class Sqlite:
    """SQLite: every call in a thread, so that nothing else waits for the disk."""

    def __init__(self, store: SqliteStore) -> None:
        self.name, self._path = store.name, resolve(store.path)
        if not self._path.is_file():
            raise StartupError(f"store {store.name}: there is no database {self._path}")
        try:
            self._connection = sqlite3.connect(
                self._path, timeout=CONNECT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # What is deleted is overwritten: otherwise it could still be read from the file.
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.Error as error:
            raise StartupError(f"store {store.name} ({self._path}): {error}") from None

    async def fetch(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return await asyncio.to_thread(self._fetch, sql, values)

    async def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a statement; gives the number of rows that it changed."""
        return await asyncio.to_thread(self._execute, sql, values)

    async def execute_many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each list of values."""
        await asyncio.to_thread(lambda: [self._execute(sql, row) for row in values])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A block whose statements hold together."""
        await self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK", ())
            raise
        await self.execute("COMMIT")

    async def close(self) -> None:
        """Close the file; what its write-ahead log has goes into the database."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _fetch(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._run(sql, values).fetchall()

    def _execute(self, sql: str, values: Sequence[object]) -> int:
        return max(self._run(sql, values).rowcount, 0)

    def _run(self, sql: str, values: Sequence[object]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, [_plain(value) for value in values])
        except sqlite3.Error as error:
            raise StartupError(f"store {self.name} ({self._path}): {error}") from None


def _plain(value: object) -> object:
    """A value as SQLite keeps it: instants in UTC as ISO 8601, which sorts as time does; decimals as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | Decimal | UUID):
        return str(value)
    return value


def _credential(store: PostgresStore, part: str) -> str:
    file = resolve(f"{store.credentials_dir}/{part}")
    return cast(str, read(file, f"the {part} of store {store.name}").decode().strip())
