"""Vectors in Milvus, over gRPC.

`shared`: all tenants' entities in one collection with the tenant as partition key, and every request filtered by
tenant here. `dedicated`: a collection for each tenant, and the same filter. The primary key is made from tenant and
id, so that no tenant can name another's entity. Reads are strongly consistent. The client's blocking interface is
used, in threads: its asynchronous one cannot make indexes on Milvus Lite.
"""

import asyncio
import hashlib
import json
import logging
import math
import threading
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pymilvus import DataType, Function, FunctionType, MilvusClient
from pymilvus.exceptions import ConnectError

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.vectors.config import Collection, MilvusEndpoint
from plinth_runtime.vectors.engine import Slice, Tenant
from plinth_runtime.vectors.errors import (
    AccessDeniedError,
    CollectionMismatchError,
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
from plinth_runtime.vectors.milvus_filters import literal, own
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

# Every failed call would be logged with a traceback; errors are raised, and told once.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

_T = TypeVar("_T")

LONGEST_CONTENT = 65_535
"""Bytes of a VARCHAR, as Milvus' documentation limits it."""

COLLECTION_NOT_FOUND = 100
"""Milvus' code of error."""

_METRICS = {"cosine": "COSINE", "l2": "L2", "inner_product": "IP"}
_TEXTS = ["id", "content", "metadata"]
_SMALLEST_FIRST = {"iterator": "True", "reduce_stop_for_best": "True"}
"""With them, a limited query gives the smallest primary keys, as the client's own iterator asks."""


class MilvusEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 500

    def __init__(self, endpoint: MilvusEndpoint, client: MilvusClient | None = None) -> None:
        """Prepare; the connection is made when it is first needed.

        Args:
            endpoint: where.
            client: in place of one made from the endpoint, for example Milvus Lite; whoever gives it closes it.
        """
        self._endpoint = endpoint
        self._given = client
        self._opened = client
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="milvus")
        self.deadlines = endpoint.deadlines
        self.where = f"milvus at {endpoint.url}"

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        name, seconds = self._name(tenant, collection), self.deadlines.build_seconds

        def make(client: MilvusClient) -> Made:
            if client.has_collection(name, timeout=seconds):
                _compare(collection, client, name, self.where, seconds)
                return "unchanged"
            self._make(client, name, collection)
            return "made"

        return await self._run(make)

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        name = self._name(tenant, collection)
        if self._endpoint.isolation == "dedicated":
            await self._run(lambda client: client.drop_collection(name, timeout=self.deadlines.build_seconds))
        else:
            await self._erase(tenant, collection, own(tenant))

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        name = self._name(tenant, collection)
        rows = [_row(tenant, item) for item in records]
        await self._run(lambda client: client.upsert(name, rows, timeout=self.deadlines.write_seconds))

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        found = await self._query(tenant, collection, own(tenant, None, _with_ids(tenant, ids)), limit=len(ids))
        return [_record(row) for row in found]

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        await self._erase(tenant, collection, own(tenant, None, _with_ids(tenant, ids)))

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        # What is written meanwhile may be deleted and not counted.
        found = await self.count(tenant, collection, where)
        if found:
            await self._erase(tenant, collection, own(tenant, where))
        return found

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        effort = {"params": {"ef": max(collection.hnsw_ef_search, limit)}}
        rows = await self._search(tenant, collection, "dense", vector.tolist(), limit, where, effort)
        # Milvus gives the square of the Euclidean distance.
        scores = [-math.sqrt(max(0.0, far)) if collection.distance == "l2" else far for far, _ in rows]
        return [
            Hit(row["id"], score, row["content"], row["metadata"]) for score, (_, row) in zip(scores, rows, strict=True)
        ]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        rows = await self._search(tenant, collection, "words", text, limit, where, {})
        # Milvus Lite gives the score with the opposite sign.
        return [Hit(row["id"], abs(score), row["content"], row["metadata"]) for score, row in rows]

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        after = [] if state is None else [f"pk > {literal(str(state))}"]
        rows = await self._query(tenant, collection, own(tenant, where, *after), limit=limit, **_SMALLEST_FIRST)
        rows = sorted(rows, key=lambda row: row["pk"])
        return Slice([_record(row) for row in rows], rows[-1]["pk"] if len(rows) == limit else None)

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        name, chosen = self._name(tenant, collection), own(tenant, where)
        rows = await self._run(
            lambda client: client.query(
                name, filter=chosen, output_fields=["count(*)"], timeout=self.deadlines.search_seconds
            )
        )
        return int(rows[0]["count(*)"])

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        return Stats(await self.count(tenant, collection, None))

    async def close(self) -> None:
        opened, self._opened = self._opened, self._given
        if opened and not self._given:
            await asyncio.to_thread(opened.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _search(
        self,
        tenant: Tenant,
        collection: Collection,
        using: str,
        asked: object,
        limit: int,
        where: Node | None,
        options: dict[str, Any],
    ) -> list[tuple[float, dict[str, Any]]]:
        name, chosen = self._name(tenant, collection), own(tenant, where)
        found: Any = await self._run(
            lambda client: client.search(
                name,
                data=[asked],
                anns_field=using,
                limit=limit,
                filter=chosen,
                output_fields=_TEXTS,
                search_params=options,
                timeout=self.deadlines.search_seconds,
            )
        )
        return [(float(hit["distance"]), hit["entity"]) for hit in found[0]]

    async def _query(
        self, tenant: Tenant, collection: Collection, chosen: str, *, limit: int, **options: Any
    ) -> list[dict[str, Any]]:
        name = self._name(tenant, collection)
        rows: Any = await self._run(
            lambda client: client.query(
                name,
                filter=chosen,
                limit=limit,
                output_fields=["pk", *_TEXTS, "dense"],
                timeout=self.deadlines.search_seconds,
                **options,
            )
        )
        return list(rows)

    async def _erase(self, tenant: Tenant, collection: Collection, chosen: str) -> None:
        name = self._name(tenant, collection)
        await self._run(lambda client: client.delete(name, filter=chosen, timeout=self.deadlines.write_seconds))

    def _make(self, client: MilvusClient, name: str, collection: Collection) -> None:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        shared = self._endpoint.isolation == "shared"
        schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=64)
        schema.add_field("tenant", DataType.VARCHAR, max_length=64, is_partition_key=shared)
        schema.add_field("id", DataType.VARCHAR, max_length=512)
        analyzed: dict[str, Any] = {"enable_analyzer": True} if collection.lexical else {}
        schema.add_field("content", DataType.VARCHAR, max_length=LONGEST_CONTENT, **analyzed)
        schema.add_field("metadata", DataType.JSON)
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=collection.dimensions)
        indexes = client.prepare_index_params()
        graph = {"M": collection.hnsw_m, "efConstruction": collection.hnsw_ef_construction}
        indexes.add_index("dense", index_type="HNSW", metric_type=_METRICS[collection.distance], params=graph)
        if collection.lexical:
            schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function("bm25", FunctionType.BM25, ["content"], ["words"]))
            indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        client.create_collection(
            name,
            schema=schema,
            index_params=indexes,
            consistency_level="Strong",
            replica_number=self._endpoint.replicas,
            timeout=self.deadlines.build_seconds,
        )

    def _name(self, tenant: Tenant, collection: Collection) -> str:
        if self._endpoint.isolation == "shared":
            return collection.name
        # Milvus takes letters, digits and underscores only; the digest keeps two names apart that become alike.
        digest = hashlib.sha256(tenant.name.encode()).hexdigest()[:16]
        return f"{collection.name}__{tenant.name.replace('-', '_')}_{digest}"

    async def _run(self, work: Callable[[MilvusClient], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(self._client()))

    def _client(self) -> MilvusClient:
        with self._opening:
            if self._opened is None:
                self._opened = _connect(self._endpoint)
            return self._opened


def _connect(endpoint: MilvusEndpoint) -> MilvusClient:
    token = read(resolve(endpoint.token_file), "the token").decode().strip() if endpoint.token_file else ""
    options: dict[str, Any] = {"server_pem_path": str(resolve(endpoint.ca_file))} if endpoint.ca_file else {}
    return MilvusClient(
        uri=endpoint.url,
        token=token,
        db_name=endpoint.database,
        timeout=endpoint.deadlines.connect_seconds,
        secure=endpoint.url.startswith("https:"),
        **options,
    )


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of Milvus' client means."""
    code, text = _code(error), str(getattr(error, "message", "") or error)[:300]
    low = text.lower()
    if isinstance(error, StartupError):
        return AccessDeniedError(text, where=where)
    if code == COLLECTION_NOT_FOUND or "collection not found" in low:
        return CollectionMissingError("the collection has not been made", where=where, fix="Call create_collection")
    if code == "UNAUTHENTICATED" or any(
        word in low for word in ("auth check", "unauthenticated", "permission", "privilege")
    ):
        return AccessDeniedError(
            "the token was refused, or may not do this", where=where, fix="Check the token's file and its role"
        )
    if code == "DEADLINE_EXCEEDED" or "deadline" in low:
        return DeadlineError(text, where=where, fix="Try again, or raise the endpoint's deadlines")
    if code == "RESOURCE_EXHAUSTED" or "rate limit" in low:
        return OverloadedError(text, where=where, fix="Try again later")
    if "disk quota" in low or "no space left" in low or "quota exceeded" in low:
        return StorageFullError(text, where=where, fix="Make room in Milvus' storage, or raise its quota")
    if code == "UNAVAILABLE" or isinstance(error, ConnectError | OSError) or "connect" in low:
        return UnavailableError(text, where=where, fix="Check that it runs and may be reached")
    return EngineError(f"{type(error).__name__}: {text}", where=where)


def _code(error: Exception) -> object:
    """Milvus' number, or the name of gRPC's status, which its errors give in several ways."""
    code = getattr(error, "code", None)
    code = code() if callable(code) else code
    return getattr(code, "name", code)


def _compare(collection: Collection, client: MilvusClient, name: str, where: str, seconds: float) -> None:
    found: Any = client.describe_collection(name, timeout=seconds)
    fields = {field["name"]: field for field in found["fields"]}
    index: Any = client.describe_index(name, "dense", timeout=seconds)
    facts = [
        ("dimensions", int(fields["dense"]["params"]["dim"]), collection.dimensions),
        ("distance", index["metric_type"], _METRICS[collection.distance]),
        ("lexical", "words" in fields, collection.lexical),
    ]
    differences: list[tuple[str, object, object]] = [fact for fact in facts if fact[1] != fact[2]]
    if differences:
        raise CollectionMismatchError(collection.name, differences, where=where)


def _key(tenant: Tenant, key: str) -> str:
    # Names of tenants have no quotes, so no two pairs make one text.
    return hashlib.sha256(json.dumps([tenant.name, key]).encode()).hexdigest()[:40]


def _with_ids(tenant: Tenant, ids: Sequence[str]) -> str:
    return f"pk in {json.dumps([_key(tenant, key) for key in ids])}"


def _row(tenant: Tenant, item: Stored) -> dict[str, Any]:
    if len(item.content.encode()) > LONGEST_CONTENT:
        raise InvalidRequestError(f"record {item.id!r:.80}: Milvus takes at most {LONGEST_CONTENT} bytes of content")
    return {
        "pk": _key(tenant, item.id),
        "tenant": tenant.name,
        "id": item.id,
        "content": item.content,
        "metadata": item.metadata,
        "dense": item.vector.tolist(),
    }


def _record(row: dict[str, Any]) -> Record:
    return Record(row["id"], row["dense"], row["content"], row["metadata"])
