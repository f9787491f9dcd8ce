"""Vectors in PostgreSQL with pgvector (0.8 or newer, for iterative index scans).

`shared`: one table for all tenants, kept apart by row-level security that even the table's owner cannot pass.
`dedicated`: a schema for each tenant, read as the tenant's own role. Both set the tenant for each transaction.
"""

import json
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg

from plinth_runtime.errors import StartupError
from plinth_runtime.vectors.config import Collection, PgVectorEndpoint
from plinth_runtime.vectors.engine import Slice, Tenant
from plinth_runtime.vectors.errors import (
    AccessDeniedError,
    CollectionMissingError,
    DeadlineError,
    EngineError,
    InvalidRequestError,
    OverloadedError,
    StorageFullError,
    UnavailableError,
    VectorError,
)
from plinth_runtime.vectors.filters import Node
from plinth_runtime.vectors.pgvector import making, sql
from plinth_runtime.vectors.pgvector.connections import Connections
from plinth_runtime.vectors.pgvector.ddl import quote
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

MOST_EF_SEARCH = 1000
"""pgvector's own limit."""

_ROW = "id, content, metadata, embedding"


class PgVectorEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 1000

    def __init__(self, endpoint: PgVectorEndpoint) -> None:
        self._endpoint = endpoint
        self._connections = Connections(endpoint)
        self._guarded: set[tuple[str, str]] = set()
        self.deadlines = endpoint.deadlines
        self.where = f"pgvector at {endpoint.host}:{endpoint.port}, database {endpoint.database}"

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        return await making.create(self._connections, self._endpoint, tenant, collection)

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        async with self._writing(tenant, collection) as connection:
            if self._endpoint.isolation == "dedicated":
                self._guarded.discard((tenant.name, collection.name))
                await connection.execute(f"DROP TABLE {quote(collection.name)}")
            else:
                await connection.execute(f"DELETE FROM {quote(collection.name)}")

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        # In one order, so that two writers of the same ids do not wait for each other in a circle.
        rows = [
            (tenant.name, item.id, item.content, json.dumps(item.metadata, ensure_ascii=False), item.vector)
            for item in sorted(records, key=lambda item: item.id)
        ]
        async with self._writing(tenant, collection) as connection:
            await connection.executemany(sql.insertion(collection), rows)

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        async with self._reading(tenant, collection) as connection:
            rows = await connection.fetch(
                f"SELECT {_ROW} FROM {quote(collection.name)} WHERE id = ANY ($1::text[])", ids
            )
        return [_record(row) for row in rows]

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        async with self._writing(tenant, collection) as connection:
            await connection.execute(f"DELETE FROM {quote(collection.name)} WHERE id = ANY ($1::text[])", ids)

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        statement, given = sql.deletion(collection, where)
        async with self._writing(tenant, collection) as connection:
            return int((await connection.execute(statement, *given)).split()[-1])

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        statement, given = sql.nearest(collection, vector, limit, where)
        effort = min(MOST_EF_SEARCH, max(collection.hnsw_ef_search, 2 * limit))
        # The index is searched on until enough rows satisfy filter and tenant, and gives them in the true order.
        settings = [("hnsw.ef_search", str(effort)), ("hnsw.iterative_scan", "strict_order")]
        async with self._reading(tenant, collection, settings) as connection:
            rows = await connection.fetch(statement, *given)
            if len(rows) < limit:
                # The index gives up after `hnsw.max_scan_tuples`. Few rows satisfy the filter then: read them all.
                await connection.execute("SET LOCAL enable_indexscan = off")
                rows = await connection.fetch(statement, *given)
        return [
            Hit(row["id"], 1.0 - row["far"] if collection.distance == "cosine" else -row["far"], *_texts(row))
            for row in rows
        ]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        statement, given = sql.by_words(collection, text, limit, where)
        async with self._reading(tenant, collection) as connection:
            rows = await connection.fetch(statement, *given)
        return [Hit(row["id"], row["score"], *_texts(row)) for row in rows]

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        statement, given = sql.selected(collection, _ROW, where, None if state is None else str(state))
        async with self._reading(tenant, collection) as connection:
            rows = await connection.fetch(f"{statement} ORDER BY id LIMIT {int(limit) + 1}", *given)
        records = [_record(row) for row in rows[:limit]]
        return Slice(records, records[-1].id if len(rows) > limit else None)

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        statement, given = sql.selected(collection, "count(*)", where)
        async with self._reading(tenant, collection) as connection:
            return int(await connection.fetchval(statement, *given))

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        size = "pg_column_size(embedding) + octet_length(content) + pg_column_size(metadata) + octet_length(id)"
        statement, given = sql.selected(collection, f"count(*), coalesce(sum({size}), 0)", None)
        async with self._reading(tenant, collection) as connection:
            row = await connection.fetchrow(statement, *given)
        return Stats(int(row[0]), int(row[1]))

    async def close(self) -> None:
        await self._connections.close()

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    def _reading(
        self, tenant: Tenant, collection: Collection, settings: Sequence[tuple[str, str]] = ()
    ) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return self._transaction(tenant, collection, self.deadlines.search_seconds, settings)

    def _writing(self, tenant: Tenant, collection: Collection) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return self._transaction(tenant, collection, self.deadlines.write_seconds, ())

    @asynccontextmanager
    async def _transaction(
        self, tenant: Tenant, collection: Collection, seconds: float, settings: Sequence[tuple[str, str]]
    ) -> AsyncIterator[asyncpg.Connection]:
        key = (tenant.name if self._endpoint.isolation == "dedicated" else "", collection.name)
        async with self._connections.transaction(tenant, seconds=seconds, settings=settings) as connection:
            if key not in self._guarded:
                if not await making.secure(connection, collection):
                    raise _missing(self.where)
                self._guarded.add(key)
            yield connection


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of asyncpg, of the network or of a credential file means."""
    reason = f"{type(error).__name__}: {error}"
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InsufficientPrivilegeError():
            return AccessDeniedError(
                str(error), where=where, fix="Check the credential files, and what the login may do"
            )
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.InvalidCatalogNameError():
            return _missing(where)
        case asyncpg.InvalidParameterValueError() if "role" in str(error):
            return _missing(where)
        case asyncpg.DiskFullError() | asyncpg.OutOfMemoryError() | asyncpg.ConfigurationLimitExceededError():
            return StorageFullError(str(error), where=where, fix="Make room; the transaction was rolled back")
        case asyncpg.TooManyConnectionsError():
            return OverloadedError(str(error), where=where, fix="Try again, or lower the endpoints' connections")
        case asyncpg.QueryCanceledError() | TimeoutError():
            return DeadlineError(reason, where=where, fix="Try again, or raise the endpoint's deadlines")
        case asyncpg.ProgramLimitExceededError():
            return InvalidRequestError(str(error), where=where, fix="Shorten the content")
        case StartupError():
            return AccessDeniedError(str(error), where=where)
        case (
            OSError()
            | asyncpg.PostgresConnectionError()
            | asyncpg.InterfaceError()
            | asyncpg.OperatorInterventionError()
        ):
            return UnavailableError(
                reason, where=where, fix="Check that it runs, and that the network lets this workload in"
            )
        case _:
            return EngineError(reason, where=where)


def _missing(where: str) -> VectorError:
    return CollectionMissingError("the collection has not been made", where=where, fix="Call create_collection")


def _record(row: Mapping[str, Any]) -> Record:
    return Record(row["id"], row["embedding"], *_texts(row))


def _texts(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return row["content"], json.loads(row["metadata"])
