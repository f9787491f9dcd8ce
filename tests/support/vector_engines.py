"""Vector engines that run in tests, each behind the same small face."""

import asyncio
import contextlib
import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from support.postgres import USER, Server, postgres

from plinth_runtime.vectors.config import Collection, MilvusEndpoint, QdrantEndpoint, VectorStores
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
PATIENT = {"connect_seconds": 60, "search_seconds": 60, "write_seconds": 120}
"""Deadlines for a machine that is busy with other tests."""
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
    server: Server | None = None
    """The PostgreSQL behind it."""


def configured(endpoint: dict[str, Any], **facts: Any) -> Harness:
    """An engine that is opened from its configuration, as in production."""

    def start(collections: Mapping[str, Collection]) -> Stores:
        return open_stores(
            VectorStores(stores={"main": {"deadlines": PATIENT, **endpoint}}, collections=list(collections.values()))
        )

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
        yield configured(pgvector_endpoint(server, folder), server=server)


@contextlib.contextmanager
def pgvector_schemas(folder: Path) -> Iterator[Harness]:
    with postgres() as server:
        yield configured(pgvector_endpoint(server, folder, isolation="dedicated"))


@contextlib.contextmanager
def qdrant(_: Path, isolation: str = "shared") -> Iterator[Harness]:
    """Qdrant's client with its own embedded engine, in memory."""
    from qdrant_client import AsyncQdrantClient

    from plinth_runtime.vectors.qdrant import QdrantEngine

    client = AsyncQdrantClient(":memory:")
    endpoint = QdrantEndpoint(kind="qdrant", url="http://embedded", isolation=isolation, deadlines=PATIENT)
    yield injected(lambda: QdrantEngine(endpoint, client), keeps_length=False)
    asyncio.run(client.close())


@contextlib.contextmanager
def milvus(folder: Path, isolation: str = "shared") -> Iterator[Harness]:
    """Milvus Lite, a server in a process of its own behind Milvus' client."""
    from pymilvus import MilvusClient

    from plinth_runtime.vectors.milvus import MilvusEngine

    client = MilvusClient(uri=str(folder / "milvus.db"))
    endpoint = MilvusEndpoint(kind="milvus", url="http://embedded", isolation=isolation, deadlines=PATIENT)
    yield injected(lambda: MilvusEngine(endpoint, client))
    client.close()


@contextlib.contextmanager
def s3_vectors(_: Path) -> Iterator[Harness]:
    """A strict stand-in behind boto3: moto has no search of vectors."""
    from support import fake_s3_vectors
    from support.fake_http import serve

    store = fake_s3_vectors.S3Vectors("acme-vectors")
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with serve(fake_s3_vectors.handler(store)) as site, mock.patch.dict(os.environ, keys):
        endpoint = {"kind": "s3_vectors", "bucket": "acme-vectors", "region": "us-east-1", "url": site.url}
        yield configured(endpoint, lexical=False, distances=("cosine", "l2"))


@contextlib.contextmanager
def opensearch(folder: Path) -> Iterator[Harness]:
    """A strict stand-in behind OpenSearch's client."""
    from support import fake_opensearch
    from support.fake_http import serve

    (folder / "username").write_text(fake_opensearch.USER)
    (folder / "password").write_text(fake_opensearch.PASSWORD)
    with serve(fake_opensearch.OpenSearch().answer) as site:
        auth = {"kind": "basic", "credentials_dir": str(folder)}
        yield configured({"kind": "opensearch", "url": site.url, "auth": auth})


@contextlib.contextmanager
def pinecone(folder: Path) -> Iterator[Harness]:
    """A strict stand-in behind Pinecone's client."""
    from support import fake_pinecone
    from support.fake_http import serve

    (folder / "key").write_text(fake_pinecone.API_KEY)
    service = fake_pinecone.Pinecone()
    with serve(service.answer) as site:
        service.url = site.url
        endpoint = {"kind": "pinecone", "url": site.url, "api_key_file": str(folder / "key")}
        yield configured(endpoint, lexical=False)


HARNESSES: dict[str, Callable[[Path], AbstractContextManager[Harness]]] = {
    "s3-vectors": s3_vectors,
    "sqlite": sqlite,
    "numpy": numpy,
    "opensearch": opensearch,
    "pgvector": pgvector,
    "pgvector-schemas": pgvector_schemas,
    "milvus": milvus,
    "pinecone": pinecone,
    "qdrant": qdrant,
    "qdrant-collections": lambda folder: qdrant(folder, "dedicated"),
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
