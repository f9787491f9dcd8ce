"""Opens every store that the configuration names; one that cannot be opened does not keep the others closed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.blobs import blobs
from plinth_runtime.governance.config import QUARANTINE, Collection, GovernanceConfig, Store
from plinth_runtime.governance.databases import connect
from plinth_runtime.governance.subjects import (
    CollectionsStore,
    ObjectsStore,
    Place,
    QuarantineStore,
    SubjectStore,
    TableStore,
)


@dataclass(frozen=True, slots=True)
class Closed:
    """A store that cannot be opened."""

    name: str
    places: Sequence[Place]
    reason: str


@asynccontextmanager
async def opened(config: GovernanceConfig) -> AsyncIterator[list[SubjectStore | Closed]]:
    """Every store of the configuration, in its order."""
    found: list[SubjectStore | Closed] = []
    try:
        for name, places, opening in _known(config):
            try:
                found.append(await opening())
            except StartupError as error:
                found.append(Closed(name, places, str(error)))
        yield found
    finally:
        for store in found:
            if not isinstance(store, Closed):
                await store.close()


_Opening = tuple[str, list[Place], Callable[[], Awaitable[SubjectStore]]]


def _known(config: GovernanceConfig) -> list[_Opening]:
    """Name, places, and what opens each store. Quarantine comes last: until then rows may still get there."""
    found: list[_Opening] = []
    for store in config.stores:
        places = [Place(table.name, table.data_class) for table in config.tables if table.store == store.name]
        if places:
            found.append((store.name, places, _tables(config, store)))
        vectors = [item for item in config.collections if item.store == store.name]
        if vectors:
            places = [Place(item.name, item.data_class) for item in vectors]
            found.append((f"{store.name}-vectors", places, _collections(store, vectors)))
    for item in config.objects:
        found.append(
            (item.name, [Place(item.subject_prefix, item.data_class)], _later(lambda it=item: ObjectsStore(it)))
        )
    places = [Place(table.name, table.data_class) for table in config.tables]
    if places:
        found.append((QUARANTINE, places, _later(lambda: QuarantineStore(blobs(config.work), config.tables))))
    return found


def _tables(config: GovernanceConfig, store: Store) -> Callable[[], Awaitable[SubjectStore]]:
    contracts = [table for table in config.tables if table.store == store.name]

    async def make() -> SubjectStore:
        return TableStore(await connect(store), contracts)

    return make


def _collections(store: Store, collections: Sequence[Collection]) -> Callable[[], Awaitable[SubjectStore]]:
    async def make() -> SubjectStore:
        return CollectionsStore(await connect(store), collections)

    return make


def _later(make: Callable[[], SubjectStore]) -> Callable[[], Awaitable[SubjectStore]]:
    async def made() -> SubjectStore:
        return make()

    return made
