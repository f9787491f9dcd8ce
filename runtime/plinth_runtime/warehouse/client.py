"""The client of the warehouse: typed, tagged, bounded and cancellable, the same for Snowflake and the emulator."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pyarrow as pa

from plinth_runtime.warehouse.background import BackgroundLoop
from plinth_runtime.warehouse.cache import Key, ResultCache, parameters_digest
from plinth_runtime.warehouse.config import WarehouseEndpoint
from plinth_runtime.warehouse.errors import TooLargeError
from plinth_runtime.warehouse.pool import Pool
from plinth_runtime.warehouse.request import Context, Request, prepare
from plinth_runtime.warehouse.retrying import Retries
from plinth_runtime.warehouse.running import Running

FETCH_BYTES = 256 * 1024 * 1024
"""Largest result of `fetch`, unless the caller says otherwise, in bytes."""


@dataclass(frozen=True, slots=True)
class Done:
    """A statement that has run."""

    query_id: str | None
    """Snowflake's id of it."""

    rows_affected: int | None
    """Rows that were written, changed or removed."""


class Stream:
    """Rows of a query as Arrow record batches, in the server's order; a few chunks are in memory at a time."""

    def __init__(self, background: BackgroundLoop, running: Running) -> None:
        self._background = background
        self._running = running
        self.query_id = running.query_id
        self.schema = running.schema or pa.schema([])

    async def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        while (table := await self._background.run(self._running.chunk())) is not None:
            for batch in table.to_batches():
                yield batch


class Warehouse:
    """A warehouse; use it as an asynchronous context manager, one for a process.

    Values go into `?` placeholders, never into the SQL. Every method takes a `Context`, which becomes the query's tag.
    """

    def __init__(self, endpoint: WarehouseEndpoint) -> None:
        self.endpoint = endpoint
        self._background: BackgroundLoop | None = None
        self._pool = Pool(endpoint)
        self._retries = Retries(endpoint.retries)
        self._cache = ResultCache(endpoint.cache) if endpoint.cache else None

    async def __aenter__(self) -> Self:
        self._background = BackgroundLoop("warehouse")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Sign out, and end the thread; queries that still run are stopped."""
        if self._background is not None:
            background, self._background = self._background, None
            await background.run(self._pool.close())
            await background.close(self.endpoint.timeouts.cancel_seconds)

    @asynccontextmanager
    async def stream(
        self, sql: str, parameters: Sequence[object], context: Context, *, seconds: float | None = None
    ) -> AsyncIterator[Stream]:
        """Run a query and read it batch by batch: `async with ... as rows: async for batch in rows`.

        Args:
            sql: One statement.
            parameters: Values of its placeholders.
            context: Who asks, and what for.
            seconds: Time for everything, reading included; without it, `timeouts.query_seconds`.

        Raises:
            WarehouseError: see `plinth_runtime.warehouse.errors`.
        """
        running = await self._start(prepare(sql, parameters, context, self._deadline(seconds)))
        try:
            yield Stream(self._loop, running)
        finally:
            await self._loop.finish(running.close())

    async def fetch(
        self,
        sql: str,
        parameters: Sequence[object],
        context: Context,
        *,
        seconds: float | None = None,
        max_bytes: int = FETCH_BYTES,
        cached: bool = True,
    ) -> pa.Table:
        """Run a query and return all its rows; those of deterministic reads are kept for who asks the same next.

        Raises:
            TooLargeError: the rows take more than `max_bytes`.
            WarehouseError: see `plinth_runtime.warehouse.errors`.
        """
        request = prepare(sql, parameters, context, self._deadline(seconds))
        key = self._key(request) if cached else None
        if key is not None and self._cache is not None and (known := self._cache.get(key)) is not None:
            return known
        table = await self._collect(request, max_bytes)
        if key is not None and self._cache is not None:
            self._cache.put(key, table)
        return table

    async def execute(
        self,
        sql: str,
        parameters: Sequence[object],
        context: Context,
        *,
        seconds: float | None = None,
        idempotent: bool = False,
    ) -> Done:
        """Run a statement for its effect.

        Args:
            sql: One statement.
            parameters: Values of its placeholders.
            context: Who asks, and what for.
            seconds: Time for everything.
            idempotent: Doing it twice is the same as doing it once, for example a MERGE on a key: it may be repeated
                when nobody knows whether it arrived.
        """
        running = await self._start(prepare(sql, parameters, context, self._deadline(seconds), idempotent=idempotent))
        try:
            return Done(running.query_id, running.rows_affected)
        finally:
            await self._loop.finish(running.close())

    def forget(self, tenant: str) -> None:
        """Drop cached results of a tenant, for example after its data was erased."""
        if self._cache is not None:
            self._cache.forget(tenant)

    async def _collect(self, request: Request, max_bytes: int) -> pa.Table:
        running = await self._start(request)
        try:
            tables: list[pa.Table] = []
            size = 0
            while (table := await self._loop.run(running.chunk())) is not None:
                size += table.get_total_buffer_size()
                if size > max_bytes:
                    raise TooLargeError(f"the result is larger than {max_bytes} bytes: aggregate it, or use `stream`")
                tables.append(table)
        finally:
            await self._loop.finish(running.close())
        return pa.concat_tables(tables) if tables else pa.table({})

    async def _start(self, request: Request) -> Running:
        running = Running(self.endpoint, self._pool, self._retries, request)
        try:
            await self._loop.run(running.start())
        except BaseException:
            # Cancelled at the moment at which it had started: it must not keep its connection.
            await self._loop.finish(running.close())
            raise
        return running

    @property
    def _loop(self) -> BackgroundLoop:
        if self._background is None:
            raise RuntimeError("the warehouse is closed: use it inside `async with Warehouse(endpoint)`")
        return self._background

    def _deadline(self, seconds: float | None) -> float:
        return time.monotonic() + (self.endpoint.timeouts.query_seconds if seconds is None else seconds)

    def _key(self, request: Request) -> Key | None:
        if self._cache is None or not request.statement.deterministic:
            return None
        where = f"{self.endpoint.database}.{self.endpoint.schema_name}"
        digest = parameters_digest(request.parameters)
        return Key(request.context.tenant, self.endpoint.role, where, request.statement.fingerprint, digest)
