"""A channel into the emulator: rows and offset in one transaction, and an epoch that shuts earlier writers out."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from plinth_runtime.warehouse.background import BackgroundLoop
from plinth_runtime.warehouse.channels import Values
from plinth_runtime.warehouse.config import EmbeddedWarehouse, IngestPipe
from plinth_runtime.warehouse.connecting import discard, sign_in, translate
from plinth_runtime.warehouse.errors import IngestError

ROWS_A_STATEMENT = 200
LOCKED, LOCKED_SECONDS = 625, 0.1
OFFSETS = "_PLINTH_CHANNELS"
"""Table of the offsets, beside the table that the rows go into."""


class EmbeddedChannel:
    """A `ChannelPort`; what it takes is durable at once."""

    def __init__(self, endpoint: EmbeddedWarehouse, pipe: IngestPipe, name: str) -> None:
        self._endpoint = endpoint.model_copy(update={"database": pipe.database, "schema_name": pipe.schema_name})
        self._table = pipe.table
        self._key = (pipe.table, name)
        self._background: BackgroundLoop | None = None
        self._connection: Any = None
        self._epoch = 0
        self._committed: int | None = None

    async def open(self) -> int | None:
        self._background = BackgroundLoop("ingest")
        await self._bounded(
            self._sign_in(), self._endpoint.timeouts.connect_seconds + self._endpoint.timeouts.query_seconds
        )
        return self._committed

    async def append(self, rows: Sequence[Values], first: int, last: int) -> None:
        await self._bounded(self._transaction(lambda: self._append(rows, last)), self._endpoint.timeouts.query_seconds)
        self._committed = last

    async def committed(self) -> int | None:
        return self._committed

    async def close(self) -> None:
        if self._background is not None:
            background, self._background = self._background, None
            if self._connection is not None:
                await background.finish(discard(self._connection, self._endpoint.timeouts.cancel_seconds))
            await background.close(self._endpoint.timeouts.cancel_seconds)

    async def _bounded(self, work: Any, seconds: float) -> None:
        if self._background is None:
            work.close()
            raise IngestError(f"the channel into {self._table} is closed")
        try:
            async with asyncio.timeout(seconds):
                await self._background.run(work)
        except Exception as error:  # noqa: BLE001 - the connector's own words for every way to fail
            raise translate(self._endpoint, error) from None

    async def _transaction(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it all or nothing, again when another transaction was in the way: nothing of it has happened then."""
        while True:
            await self._run("BEGIN")
            try:
                await work()
                await self._run("COMMIT")
            except Exception as error:
                with contextlib.suppress(Exception):
                    await self._run("ROLLBACK")
                if getattr(error, "errno", None) != LOCKED:
                    raise
                await asyncio.sleep(LOCKED_SECONDS)
            else:
                return

    async def _sign_in(self) -> None:
        self._connection = await sign_in(self._endpoint, None, None)
        await self._run(
            f"CREATE TABLE IF NOT EXISTS {OFFSETS} (target TEXT, channel TEXT, epoch INT, position INT, "
            "PRIMARY KEY (target, channel))"
        )
        await self._transaction(self._open)

    async def _open(self) -> None:
        found = await self._run(f"SELECT epoch, position FROM {OFFSETS} WHERE target = ? AND channel = ?", *self._key)  # noqa: S608 - a constant
        if found:
            self._epoch, self._committed = found[0][0] + 1, found[0][1]
            await self._run(f"UPDATE {OFFSETS} SET epoch = ? WHERE target = ? AND channel = ?", self._epoch, *self._key)  # noqa: S608
        else:
            self._epoch, self._committed = 1, None
            await self._run(f"INSERT INTO {OFFSETS} VALUES (?, ?, 1, NULL)", *self._key)  # noqa: S608

    async def _append(self, rows: Sequence[Values], last: int) -> None:
        changed = await self._run(
            f"UPDATE {OFFSETS} SET position = ? WHERE target = ? AND channel = ? AND epoch = ?",  # noqa: S608
            last,
            *self._key,
            self._epoch,
        )
        if not changed or int(changed[0][0]) != 1:
            raise IngestError(f"another process has opened the channel {self._key[1]} into {self._table}")
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            await self._insert(rows[start : start + ROWS_A_STATEMENT])

    async def _insert(self, rows: Sequence[Values]) -> None:
        columns = sorted({name for row in rows for name in row})
        marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in rows)
        values = [_bindable(row.get(name)) for row in rows for name in columns]
        # Table and columns are checked identifiers; values are bound.
        await self._run(f"INSERT INTO {self._table} ({', '.join(columns)}) VALUES {marks}", *values)  # noqa: S608

    async def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        await cursor.execute(sql, values or None)
        return await cursor.fetchall()


def _bindable(value: object) -> object:
    if value is None or isinstance(value, str | bool | int | float | bytes | Decimal | datetime | date | time):
        return value
    return json.dumps(value)
