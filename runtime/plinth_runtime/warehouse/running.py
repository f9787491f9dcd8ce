"""One statement on one connection: sent with its tag, read in chunks, and stopped at the server when unwanted."""

import asyncio
import contextlib
import math
import time
import uuid
from collections import deque
from typing import Any

import pyarrow as pa

from plinth_runtime.warehouse.config import WarehouseEndpoint
from plinth_runtime.warehouse.connecting import translate
from plinth_runtime.warehouse.errors import DeadlineError, QueryFailedError, UnreachableError, WarehouseError
from plinth_runtime.warehouse.pool import Pool, Session
from plinth_runtime.warehouse.request import Request, tag, warehouse_of
from plinth_runtime.warehouse.retrying import NEVER_RAN, Retries
from plinth_runtime.warehouse.rows import from_rows


class Running:
    """A statement on its way. `chunk` gives its rows; `close` ends it, whether they were all read or not."""

    def __init__(self, endpoint: WarehouseEndpoint, pool: Pool, retries: Retries, request: Request) -> None:
        self._endpoint = endpoint
        self._pool = pool
        self._retries = retries
        self._request = request
        self._session: Session | None = None
        self._cursor: Any = None
        self._chunks: deque[Any] = deque()
        self._ahead: deque[asyncio.Task[pa.Table]] = deque()
        self.query_id: str | None = None
        self.rows_affected: int | None = None
        self.schema: pa.Schema | None = None

    async def start(self) -> None:
        """Send the statement, again where that is safe, and wait for its first chunk."""
        self._retries.earn()
        attempt = 1
        while True:
            try:
                return await self._attempt()
            except BaseException as error:
                await self._abandon(error)
                if isinstance(error, asyncio.CancelledError):
                    raise
                said = self._translated(error)
                wait = self._retries.wait(said, attempt, repeatable=self._request.repeatable)
                if wait is None or time.monotonic() + wait >= self._request.deadline:
                    raise said from None
            await asyncio.sleep(wait)
            attempt += 1

    async def chunk(self) -> pa.Table | None:
        """Return the next chunk, or None after the last.

        Raises:
            WarehouseError: it cannot be fetched; the statement has been stopped.
        """
        self._prefetch()
        if not self._ahead:
            return None
        try:
            async with asyncio.timeout_at(self._request.deadline):
                table = await asyncio.shield(self._ahead[0])
        except BaseException as error:
            await self._abandon(error)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise self._translated(error) from None
        self._ahead.popleft()
        self._prefetch()
        return table

    async def close(self) -> None:
        """Stop fetching and give the connection back."""
        for task in self._ahead:
            task.cancel()
        await asyncio.gather(*self._ahead, return_exceptions=True)
        self._ahead.clear()
        self._chunks.clear()
        if self._cursor is not None:
            with contextlib.suppress(Exception):
                await self._cursor.close()
            self._cursor = None
        if self._session is not None:
            session, self._session = self._session, None
            self._pool.give(session)

    async def _attempt(self) -> None:
        request, endpoint = self._request, self._endpoint
        warehouse, text = warehouse_of(endpoint, request.context), tag(endpoint, request.context)
        async with asyncio.timeout_at(request.deadline):
            self._session = await self._pool.take(warehouse)
            self._cursor = self._session.connection.cursor()
            left = request.deadline - time.monotonic()
            parameters = {
                "QUERY_TAG": text,
                "STATEMENT_TIMEOUT_IN_SECONDS": max(1, math.ceil(left)),
                "MULTI_STATEMENT_COUNT": 1,
                "requestId": str(uuid.uuid4()),
            }
            await self._cursor.execute(request.sql, request.parameters or None, _statement_params=parameters)
            self.query_id = self._cursor.sfqid
            self.rows_affected = self._cursor.rowcount if request.statement.kind == "write" else None
            self._chunks.extend(await self._cursor.get_result_batches() or [])
            self._prefetch()
            if self._ahead:
                # Kept in its place: whoever asks for the first chunk gets it.
                self.schema = (await asyncio.shield(self._ahead[0])).schema

    def _prefetch(self) -> None:
        while self._chunks and len(self._ahead) < 1 + self._endpoint.pool.prefetch:
            self._ahead.append(asyncio.create_task(self._fetch(self._chunks.popleft())))

    async def _fetch(self, chunk: Any) -> pa.Table:
        """Fetch a chunk; doing that again is always safe."""
        assert self._session is not None
        attempt = 1
        while True:
            try:
                if hasattr(chunk, "to_arrow") and type(chunk).__name__ == "ArrowResultBatch":
                    return await chunk.to_arrow(connection=self._session.connection)
                return from_rows(await chunk.create_iter(connection=self._session.connection), self._cursor.description)
            except Exception as error:  # noqa: BLE001 - the connector's own words for every way to fail
                said = self._translated(error)
                wait = self._retries.wait(said, attempt, repeatable=True)
                if wait is None:
                    raise said from None
                await asyncio.sleep(wait)
                attempt += 1

    async def _abandon(self, error: BaseException) -> None:
        """Have the statement stopped at the server, and its connection too unless it is known to be idle."""
        session = self._session
        if session is not None:
            known_idle = isinstance(self._translated(error), QueryFailedError) and not _session_lost(error)
            session.broken = not known_idle
            request_id = getattr(self._cursor, "_request_id", None)
            if isinstance(error, TimeoutError | asyncio.CancelledError) and request_id is not None:
                session.unwanted = (self._request.sql, request_id)
        await self.close()

    def _translated(self, error: BaseException) -> WarehouseError:
        said = translate(self._endpoint, error)
        if isinstance(said, DeadlineError):
            return DeadlineError(f"{said} (query {self.query_id})" if self.query_id else str(said))
        if isinstance(said, UnreachableError) and self._cursor is None:
            return UnreachableError(str(said), sent=False)
        return said


def _session_lost(error: BaseException) -> bool:
    return getattr(error, "errno", None) in NEVER_RAN
