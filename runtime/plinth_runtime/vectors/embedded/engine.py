"""Vectors in SQLite files, one for each tenant: no server, and durable.

A search reads every vector of the tenant's collection, with sqlite-vec or numpy, so it is exact. Both work on the same
files. Made for a laptop, for tests and for small collections: up to about 100,000 records each.
"""

import asyncio
import contextlib
import json
import sqlite3
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from plinth_runtime.files import resolve
from plinth_runtime.vectors.config import Collection, NumpyEndpoint, SqliteEndpoint
from plinth_runtime.vectors.embedded import exact, sql
from plinth_runtime.vectors.embedded.file import Found, TenantFile
from plinth_runtime.vectors.engine import Slice, Tenant
from plinth_runtime.vectors.errors import (
    AccessDeniedError,
    CollectionMissingError,
    DeadlineError,
    EngineError,
    StorageFullError,
    UnavailableError,
    VectorError,
)
from plinth_runtime.vectors.filters import Node
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

_T = TypeVar("_T")

MOST_OPEN = 64
"""Most files that are open at a time."""

_DISTANCE = {"cosine": "vec_distance_cosine", "l2": "vec_distance_L2"}
_INSERT = "INSERT INTO records_{} (id, metadata, embedding, content) VALUES (?, ?, ?, ?)"


class EmbeddedEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 1000

    def __init__(self, endpoint: SqliteEndpoint | NumpyEndpoint) -> None:
        self._folder = resolve(endpoint.path)
        self._extensions = endpoint.kind == "sqlite"
        self._files: dict[str, TenantFile] = {}
        self._users: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="vectors")
        self.deadlines = endpoint.deadlines
        self.where = f"{endpoint.kind} at {self._folder}"

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        return await self._run(tenant, lambda file: file.create(collection))

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        await self._run(tenant, lambda file: file.drop(collection))

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        def write(file: TenantFile) -> None:
            with file.writing() as connection:
                number = file.find(collection).number
                _delete(connection, number, [record.id for record in records])
                connection.executemany(
                    _INSERT.format(number),
                    [
                        (item.id, json.dumps(item.metadata, ensure_ascii=False), item.vector.tobytes(), item.content)
                        for item in records
                    ],
                )

        await self._run(tenant, write)

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        def read(file: TenantFile) -> list[Record]:
            with file.using() as connection:
                number = file.find(collection).number
                rows = connection.execute(
                    f"SELECT id, metadata, embedding, content FROM records_{number} "
                    "WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(ids), ensure_ascii=False),),
                )
                return [_record(*row) for row in rows]

        return await self._run(tenant, read)

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        def erase(file: TenantFile) -> None:
            with file.writing() as connection:
                _delete(connection, file.find(collection).number, ids)

        await self._run(tenant, erase)

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        condition, given = sql.condition(where)

        def erase(file: TenantFile) -> int:
            with file.writing() as connection:
                number = file.find(collection).number
                return connection.execute(f"DELETE FROM records_{number} WHERE {condition}", given).rowcount

        return await self._run(tenant, erase)

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        def search(file: TenantFile) -> list[Hit]:
            with file.using() as connection:
                connection.execute("BEGIN")
                try:
                    found = file.find(collection)
                    if file.search == "sqlite-vec" and collection.distance in _DISTANCE:
                        best = _extension(connection, found, vector, limit, where)
                    else:
                        best = _exact(file, connection, found, vector, limit, where)
                    return _hits(connection, found.number, best)
                finally:
                    connection.execute("ROLLBACK")

        return await self._run(tenant, search)

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        words = sql.query(text)
        condition, given = sql.condition(where)

        def search(file: TenantFile) -> list[Hit]:
            with file.using() as connection:
                number = file.find(collection).number
                rows = connection.execute(
                    f"SELECT r.id, -w.rank, r.content, r.metadata FROM words_{number} w "
                    f"JOIN records_{number} r ON r.row = w.rowid WHERE words_{number} MATCH ? AND {condition} "
                    "ORDER BY w.rank, r.id LIMIT ?",
                    (words, *given, limit),
                )
                return [Hit(key, score, content, json.loads(metadata)) for key, score, content, metadata in rows]

        return await self._run(tenant, search) if words else []

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        condition, given = sql.condition(where)

        def read(file: TenantFile) -> Slice:
            with file.using() as connection:
                number = file.find(collection).number
                rows = connection.execute(
                    f"SELECT id, metadata, embedding, content FROM records_{number} WHERE id > ? AND {condition} "
                    "ORDER BY id LIMIT ?",
                    (str(state or ""), *given, limit + 1),
                ).fetchall()
                records = [_record(*row) for row in rows[:limit]]
                return Slice(records, records[-1].id if len(rows) > limit else None)

        return await self._run(tenant, read)

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        condition, given = sql.condition(where)

        def read(file: TenantFile) -> int:
            with file.using() as connection:
                number = file.find(collection).number
                return connection.execute(f"SELECT count(*) FROM records_{number} WHERE {condition}", given).fetchone()[
                    0
                ]

        return await self._run(tenant, read)

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        def read(file: TenantFile) -> Stats:
            with file.using() as connection:
                number = file.find(collection).number
                row = connection.execute(
                    "SELECT count(*), "
                    "coalesce(sum(length(embedding) + length(CAST(id || metadata || content AS BLOB))), 0) "
                    f"FROM records_{number}"
                ).fetchone()
                return Stats(row[0], row[1])

        return await self._run(tenant, read)

    async def close(self) -> None:
        files, self._files = list(self._files.values()), {}
        await asyncio.to_thread(lambda: [file.close() for file in files])
        self._threads.shutdown(wait=False, cancel_futures=True)

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _run(self, tenant: Tenant, work: Callable[[TenantFile], _T]) -> _T:
        def locally() -> _T:
            with self._file(tenant.name) as file:
                return work(file)

        return await asyncio.get_running_loop().run_in_executor(self._threads, locally)

    @contextlib.contextmanager
    def _file(self, tenant: str) -> Iterator[TenantFile]:
        """The tenant's file, opened; when there are too many, the one that nobody uses longest is closed."""
        with self._lock:
            file = self._files.pop(tenant, None) or TenantFile(
                self._folder / f"{tenant}.sqlite",
                wait_seconds=self.deadlines.search_seconds / 2,
                extensions=self._extensions,
            )
            self._files[tenant] = file
            self._users[tenant] += 1
            idle = [name for name in self._files if not self._users[name]]
            surplus = [self._files.pop(name) for name in idle[: max(0, len(self._files) - MOST_OPEN)]]
        for other in surplus:
            other.close()
        try:
            yield file
        finally:
            with self._lock:
                self._users[tenant] -= 1


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of SQLite or of the file system means."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL" or name in ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE"):
        return StorageFullError(
            f"cannot write ({name}): no room, a limit on the size of files, or a broken disk",
            where=where,
            fix="Make room; what was acknowledged is kept",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DeadlineError("another process holds the file too long", where=where, fix="Try again")
    if isinstance(error, PermissionError) or name in ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"):
        return AccessDeniedError("the files cannot be written", where=where, fix="Check who owns the folder")
    if isinstance(error, OSError) or name.startswith("SQLITE_CANTOPEN"):
        return UnavailableError(f"the files cannot be opened: {error}", where=where, fix="Check the folder")
    if "no such table" in str(error):
        return CollectionMissingError("the collection is being dropped", where=where, fix="Call create_collection")
    return EngineError(f"{type(error).__name__} {name}: {error}", where=where)


def _delete(connection: sqlite3.Connection, number: int, ids: Sequence[str]) -> None:
    connection.execute(
        f"DELETE FROM records_{number} WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids), ensure_ascii=False),),
    )


def _exact(
    file: TenantFile,
    connection: sqlite3.Connection,
    found: Found,
    vector: "array[float]",
    limit: int,
    where: Node | None,
) -> list[tuple[int, float]]:
    condition, given = sql.condition(where)
    distance = found.declared.distance
    matrix = file.matrices.setdefault(found.number, exact.Matrix(found.number, len(vector)))
    if not matrix.refresh(connection, found.erased):
        return exact.streamed(connection, found.number, vector, distance, limit, condition, tuple(given))
    among = None
    if where is not None:
        rows = connection.execute(f"SELECT row FROM records_{found.number} WHERE {condition}", given)
        among = np.fromiter((row for (row,) in rows), np.int64)
    return matrix.nearest(vector, distance, limit, among)


def _extension(
    connection: sqlite3.Connection, found: Found, vector: "array[float]", limit: int, where: Node | None
) -> list[tuple[int, float]]:
    condition, given = sql.condition(where)
    distance = found.declared.distance
    rows = connection.execute(
        f"SELECT row, {_DISTANCE[distance]}(embedding, ?) AS far FROM records_{found.number} "
        f"WHERE {condition} ORDER BY far, row LIMIT ?",
        (vector.tobytes(), *given, limit),
    )
    return [(row, 1.0 - far if distance == "cosine" else -far) for row, far in rows]


def _hits(connection: sqlite3.Connection, number: int, best: list[tuple[int, float]]) -> list[Hit]:
    rows = connection.execute(
        f"SELECT row, id, content, metadata FROM records_{number} WHERE row IN (SELECT value FROM json_each(?))",
        (json.dumps([row for row, _ in best]),),
    )
    texts = {row: (key, content, metadata) for row, key, content, metadata in rows}
    return [Hit(texts[row][0], score, texts[row][1], json.loads(texts[row][2])) for row, score in best if row in texts]


def _record(key: str, metadata: str, embedding: bytes, content: str) -> Record:
    return Record(key, array("f", embedding), content, json.loads(metadata))
