"""Vector engines that run in tests, each behind the same small face."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.postgres import USER, Server, postgres

from plinth_runtime.vectors.config import Collection, VectorStores
from plinth_runtime.vectors.engine import Engine
from plinth_runtime.vectors.opening import open_stores
from plinth_runtime.vectors.records import Record
from plinth_runtime.vectors.view import Stores, View

DIMENSIONS = 8
FIELDS = [
    {"name": "lang"},
    {"name": "year", "type": "integer"},
    {"name": "weight", "type": "number"},
    {"name": "public", "type": "boolean"},
]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Harness:
    """A running engine."""

    open: Callable[[Mapping[str, Collection]], Stores]
    """Open it, as one more client."""
    lexical: bool = True
    distances: tuple[str, ...] = ("cosine", "l2", "inner_product")
    keeps_length: bool = True
    """Whether vectors come back as they were, not scaled to length 1."""


def configured(endpoint: dict[str, Any], **facts: Any) -> Harness:
    """An engine that is opened from its configuration, as in production."""

    def start(collections: Mapping[str, Collection]) -> Stores:
        return open_stores(VectorStores(stores={"main": endpoint}, collections=list(collections.values())))

    return Harness(start, **facts)


def injected(make: Callable[[], Engine], **facts: Any) -> Harness:
    """An engine over a client that cannot be named in a configuration."""

    def start(collections: Mapping[str, Collection]) -> Stores:
        engine = make()
        return Stores(dict.fromkeys(collections, engine), collections)

    return Harness(start, **facts)


@contextlib.contextmanager
def sqlite(folder: Path) -> Iterator[Harness]:
    yield configured({"kind": "sqlite", "path": str(folder)})


@contextlib.contextmanager
def numpy(folder: Path) -> Iterator[Harness]:
    yield configured({"kind": "numpy", "path": str(folder)})


def pgvector_endpoint(server: Server, folder: Path, **changes: Any) -> dict[str, Any]:
    """Configuration for a running PostgreSQL; writes the credential files."""
    (folder / "username").write_text(USER)
    (folder / "password").write_text(server.password)
    return {
        "kind": "pgvector",
        "host": "127.0.0.1",
        "port": server.port,
        "database": "vectors",
        "credentials_dir": str(folder),
        "ca_file": str(server.ca_file),
        **changes,
    }


@contextlib.contextmanager
def pgvector(folder: Path) -> Iterator[Harness]:
    with postgres() as server:
        yield configured(pgvector_endpoint(server, folder))


@contextlib.contextmanager
def pgvector_schemas(folder: Path) -> Iterator[Harness]:
    with postgres() as server:
        yield configured(pgvector_endpoint(server, folder, isolation="dedicated"))


HARNESSES: dict[str, Callable[[Path], AbstractContextManager[Harness]]] = {
    "sqlite": sqlite,
    "numpy": numpy,
    "pgvector": pgvector,
    "pgvector-schemas": pgvector_schemas,
}
"""Every engine that keeps the contract."""


@dataclass
class World:
    """One engine with collections of its own for one test."""

    harness: Harness
    runner: asyncio.Runner
    docs: str
    """A collection with fields and, where the engine has it, a lexical index."""
    collections: dict[str, Collection]
    stores: Stores
    seed: random.Random = field(default_factory=lambda: random.Random(7))

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def reopen(self) -> Stores:
        """The same data through a store of its own, as another process would have it."""
        return self.harness.open(self.collections)

    def vector(self) -> list[float]:
        return [self.seed.gauss(0, 1) for _ in range(DIMENSIONS)]

    def record(self, key: str, content: str = "", **metadata) -> Record:
        return Record(key, self.vector(), content, metadata)

    async def tenant(self, name: str = "search", records=()) -> View:
        view = self.stores.for_tenant(name)
        await view.create_collection(self.docs)
        await view.upsert(self.docs, records)
        return view


def make_world(harness: Harness, runner: asyncio.Runner, **changes) -> World:
    name = f"docs_{next(_numbers)}"
    fields = {"name": name, "dimensions": DIMENSIONS, "fields": FIELDS, "lexical": harness.lexical}
    made = Collection(**{**fields, **changes})
    collections = {name: made}
    return World(harness, runner, name, collections, harness.open(collections))
