"""The stores of a workload and the view that one tenant has of them: checks, deadlines, fusion, paging, import."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, final

from plinth_runtime.vectors import checks, cursors
from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.engine import Engine, Tenant
from plinth_runtime.vectors.errors import DeadlineError, InvalidRequestError, UnsupportedError, VectorError
from plinth_runtime.vectors.filters import Filter, normalize
from plinth_runtime.vectors.fusion import fuse
from plinth_runtime.vectors.records import Hit, Imported, Made, Page, Record, Stats

_T = TypeVar("_T")

MOST_HITS = 1000
"""Most records of one search, and most candidates of one of its arms."""

MOST_IDS = 10_000
"""Most ids of one call."""

GRACE_SECONDS = 2.0
"""Time past the deadline in which a client library may clean up after itself before it is left alone."""


@final
class View:
    """One tenant's records; see `plinth_runtime.vectors.store.TenantView`.

    It cannot be turned to another tenant: nothing on it can be set, and no method takes a tenant.
    """

    __slots__ = ("__collections", "__engines", "__tenant")

    def __init__(self, tenant: Tenant, engines: Mapping[str, Engine], collections: Mapping[str, Collection]) -> None:
        object.__setattr__(self, "_View__tenant", tenant)
        object.__setattr__(self, "_View__engines", engines)
        object.__setattr__(self, "_View__collections", collections)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a tenant's view cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a tenant's view cannot be changed")

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a tenant's view cannot be copied or stored")

    def __repr__(self) -> str:
        return f"<vectors of tenant {self.__tenant.name}>"

    async def create_collection(self, collection: str) -> Made:
        engine, found = self.__find(collection)
        return await _call(
            engine, f"making {found.name}", engine.deadlines.build_seconds, lambda: engine.create(self.__tenant, found)
        )

    async def drop_collection(self, collection: str) -> None:
        engine, found = self.__find(collection)
        await _call(
            engine, f"dropping {found.name}", engine.deadlines.build_seconds, lambda: engine.drop(self.__tenant, found)
        )

    async def upsert(self, collection: str, records: Sequence[Record]) -> int:
        engine, found = self.__find(collection)
        # Of two with one id the last counts, as if they had been written one after the other.
        checked = list({item.id: item for item in (checks.stored(found, record) for record in records)}.values())
        for start in range(0, len(checked), engine.batch):
            part = checked[start : start + engine.batch]
            await _write(engine, found, lambda part=part: engine.upsert(self.__tenant, found, part))
        return len(checked)

    async def get(self, collection: str, ids: Sequence[str]) -> list[Record]:
        engine, found = self.__find(collection)
        wanted = _ids(ids)
        if not wanted:
            return []
        records = await _read(engine, found, lambda: engine.get(self.__tenant, found, wanted))
        by_id = {record.id: record for record in records}
        return [by_id[key] for key in wanted if key in by_id]

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        engine, found = self.__find(collection)
        wanted = _ids(ids)
        if wanted:
            await _write(engine, found, lambda: engine.delete(self.__tenant, found, wanted))

    async def delete_where(self, collection: str, where: Filter) -> int:
        engine, found = self.__find(collection)
        node = normalize(where, found)
        if where is None or node is None:
            raise InvalidRequestError(
                "this filter holds for every record", fix="To delete them all, say drop_collection"
            )
        return await _write(engine, found, lambda: engine.delete_where(self.__tenant, found, node))

    async def search(
        self, collection: str, vector: Sequence[float], *, limit: int = 10, where: Filter | None = None
    ) -> list[Hit]:
        engine, found = self.__find(collection)
        wanted, node = checks.vector(found, vector), normalize(where, found)
        most = checks.whole("limit", limit, 1, MOST_HITS)
        return await _read(engine, found, lambda: engine.dense(self.__tenant, found, wanted, most, node))

    async def hybrid_search(
        self,
        collection: str,
        vector: Sequence[float],
        text: str,
        *,
        limit: int = 10,
        where: Filter | None = None,
        candidates: int = 50,
        dense_weight: float = 1.0,
        lexical_weight: float = 1.0,
    ) -> list[Hit]:
        engine, found = self.__find(collection)
        if not found.lexical:
            raise UnsupportedError(f"collection {found.name} has no lexical index", fix="Declare it with lexical: true")
        wanted, node = checks.vector(found, vector), normalize(where, found)
        most = checks.whole("limit", limit, 1, MOST_HITS)
        each = max(most, checks.whole("candidates", candidates, 1, MOST_HITS))
        if type(text) is not str:
            raise InvalidRequestError("the text to search for is not text")
        checks.check_text("the text to search for", text)
        weights = (checks.weight("dense_weight", dense_weight), checks.weight("lexical_weight", lexical_weight))

        async def arms() -> list[list[Hit]]:
            tenant = self.__tenant
            return await asyncio.gather(
                engine.dense(tenant, found, wanted, each, node) if weights[0] else _nothing(),
                engine.lexical(tenant, found, text, each, node) if weights[1] and text.strip() else _nothing(),
            )

        return fuse(await _read(engine, found, arms), weights, most)

    async def page(
        self, collection: str, *, limit: int = 100, cursor: str | None = None, where: Filter | None = None
    ) -> Page:
        engine, found = self.__find(collection)
        most, node = checks.whole("limit", limit, 1, MOST_HITS), normalize(where, found)
        scope = cursors.scope(self.__tenant.name, found.name, node)
        state = None if cursor is None else cursors.opened(cursor, scope)
        part = await _read(engine, found, lambda: engine.page(self.__tenant, found, most, state, node))
        return Page(part.records, None if part.state is None else cursors.sealed(part.state, scope))

    async def count(self, collection: str, where: Filter | None = None) -> int:
        engine, found = self.__find(collection)
        node = normalize(where, found)
        return await _read(engine, found, lambda: engine.count(self.__tenant, found, node))

    async def stats(self, collection: str) -> Stats:
        engine, found = self.__find(collection)
        return await _read(engine, found, lambda: engine.stats(self.__tenant, found))

    async def import_records(
        self, collection: str, source: AsyncIterator[Record], *, batch: int = 500, checkpoint: str | None = None
    ) -> AsyncIterator[Imported]:
        _, found = self.__find(collection)
        size = checks.whole("batch", batch, 1, MOST_IDS)
        progress = cursors.Progress(cursors.scope(self.__tenant.name, found.name, None))
        pending: list[Record] = []
        await progress.resume(source, checkpoint)
        async for record in source:
            pending.append(record)
            if len(pending) == size:
                await self.upsert(collection, pending)
                yield progress.after(pending)
                pending = []
        if pending:
            await self.upsert(collection, pending)
            yield progress.after(pending)

    def __find(self, name: object) -> tuple[Engine, Collection]:
        if type(name) is not str or name not in self.__collections:
            known = ", ".join(sorted(self.__collections)) or "none"
            raise InvalidRequestError(f"no collection {name!r:.80} is declared", fix=f"There are: {known}")
        return self.__engines[name], self.__collections[name]


@final
class Stores:
    """Every store of a workload; see `plinth_runtime.vectors.store.VectorStore`. Usable as `async with`."""

    def __init__(self, engines: Mapping[str, Engine], collections: Mapping[str, Collection]) -> None:
        """Serve declared collections.

        Args:
            engines: engine of each collection, by the collection's name.
            collections: the collections by name.
        """
        self._engines = dict(engines)
        self._collections = dict(collections)

    def for_tenant(self, tenant: str) -> View:
        return View(Tenant(tenant), self._engines, self._collections)

    async def close(self) -> None:
        for engine in {id(engine): engine for engine in self._engines.values()}.values():
            await engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _nothing() -> list[Hit]:
    return []


def _ids(ids: Sequence[str]) -> list[str]:
    wanted = checks.identifiers(ids)
    checks.whole("the number of ids", len(wanted), 0, MOST_IDS)
    return wanted


async def _read(engine: Engine, collection: Collection, call: Callable[[], Awaitable[_T]]) -> _T:
    return await _call(engine, f"reading {collection.name}", engine.deadlines.search_seconds, call)


async def _write(engine: Engine, collection: Collection, call: Callable[[], Awaitable[_T]]) -> _T:
    return await _call(engine, f"writing {collection.name}", engine.deadlines.write_seconds, call)


async def _call(engine: Engine, what: str, seconds: float, call: Callable[[], Awaitable[_T]]) -> _T:
    """Await an engine within a deadline, also when its client library ignores cancellation."""
    task: asyncio.Future[Any] = asyncio.ensure_future(call())
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE_SECONDS)
        task.add_done_callback(_forget)
        raise DeadlineError(
            f"{what} took longer than {seconds:g} seconds",
            where=engine.where,
            fix="Try again, or raise the endpoint's deadlines",
        )
    try:
        return task.result()
    except VectorError:
        raise
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - each client library has its own; all become ours, none reaches a user
        raise engine.translate(error) from None


def _forget(task: "asyncio.Future[Any]") -> None:
    """Take a late result, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()
