"""Vectors in Qdrant, over its REST interface.

`shared`: all tenants' points in one collection, each tenant with an HNSW graph of its own (`payload_m`), and every
request filtered by tenant here. `dedicated`: a collection for each tenant, and the same filter. A point's number is
made from tenant and id, so that no tenant can name another's point.
"""

import json
import uuid
from array import array
from collections.abc import Sequence
from typing import Any

from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from plinth_runtime.files import read, resolve
from plinth_runtime.vectors import words
from plinth_runtime.vectors.config import Collection, QdrantEndpoint
from plinth_runtime.vectors.engine import Slice, Tenant
from plinth_runtime.vectors.errors import (
    AccessDeniedError,
    CollectionMismatchError,
    CollectionMissingError,
    DeadlineError,
    EngineError,
    OverloadedError,
    StorageFullError,
    UnavailableError,
    VectorError,
)
from plinth_runtime.vectors.filters import Node
from plinth_runtime.vectors.qdrant_filters import condition
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

DENSE, WORDS = "dense", "words"
POINTS = uuid.UUID("8f6c9bd4-5d0b-5c7e-9a51-5b6d2f4e3a10")
"""Namespace of points' numbers (RFC 9562, version 5)."""

_DISTANCES = {"cosine": m.Distance.COSINE, "l2": m.Distance.EUCLID, "inner_product": m.Distance.DOT}
_INDEXES = {
    "string": m.PayloadSchemaType.KEYWORD,
    "integer": m.PayloadSchemaType.INTEGER,
    "number": m.PayloadSchemaType.FLOAT,
    "boolean": m.PayloadSchemaType.BOOL,
}


class QdrantEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 500

    def __init__(self, endpoint: QdrantEndpoint, client: AsyncQdrantClient | None = None) -> None:
        """Open a client.

        Args:
            endpoint: where.
            client: in place of one made from the endpoint, for example an embedded one; whoever gives it closes it.

        Raises:
            StartupError: the API key cannot be read.
        """
        self._endpoint = endpoint
        self._given = client
        self._client = client or _client(endpoint)
        self.deadlines = endpoint.deadlines
        self.where = f"qdrant at {endpoint.url}"

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        name = self._name(tenant, collection)
        existed = await self._client.collection_exists(name)
        if not existed:
            await self._make(name, collection)
        found = (await self._client.get_collection(name)).config.params
        _compare(collection, found, self.where)
        if not existed:
            await self._client.create_payload_index(
                name, "tenant", m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True), wait=True
            )
        schema = set((await self._client.get_collection(name)).payload_schema)
        missing = [field for field in collection.fields if f"metadata.{field.name}" not in schema]
        for field in missing:
            await self._client.create_payload_index(name, f"metadata.{field.name}", _INDEXES[field.type], wait=True)
        return "made" if not existed else "changed" if missing and schema else "unchanged"

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        name = self._name(tenant, collection)
        if self._endpoint.isolation == "dedicated":
            await self._client.delete_collection(name)
        else:
            await self._client.delete(name, m.FilterSelector(filter=_own(tenant)), wait=True)

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        points = [
            m.PointStruct(
                id=_point(tenant, item.id),
                vector=_vectors(collection, item),
                payload={"tenant": tenant.name, "id": item.id, "content": item.content, "metadata": item.metadata},
            )
            for item in records
        ]
        await self._client.upsert(self._name(tenant, collection), points, wait=True)

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        points, _ = await self._client.scroll(
            self._name(tenant, collection),
            scroll_filter=_own(tenant, _with_ids(tenant, ids)),
            limit=len(ids),
            with_vectors=[DENSE],
        )
        return [_record(point) for point in points]

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        chosen = m.FilterSelector(filter=_own(tenant, _with_ids(tenant, ids)))
        await self._client.delete(self._name(tenant, collection), chosen, wait=True)

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        # Qdrant does not say how many it deletes; what is written meanwhile may be deleted and not counted.
        found = await self.count(tenant, collection, where)
        if found:
            chosen = m.FilterSelector(filter=_own(tenant, condition(where, collection)))
            await self._client.delete(self._name(tenant, collection), chosen, wait=True)
        return found

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        effort = m.SearchParams(hnsw_ef=max(collection.hnsw_ef_search, limit))
        hits = await self._search(tenant, collection, DENSE, vector.tolist(), limit, where, effort)
        sign = -1.0 if collection.distance == "l2" else 1.0
        return [Hit(hit.id, sign * hit.score, hit.content, hit.metadata) for hit in hits]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        asked = words.query(text)
        if not asked:
            return []
        # How rare a word is, is counted among the tenant's own records: nothing of others' moves a rank.
        rarity = m.SearchParams(idf=m.IdfCorpusParams(corpus=_own(tenant)))
        sparse = m.SparseVector(indices=list(asked), values=list(asked.values()))
        return await self._search(tenant, collection, WORDS, sparse, limit, where, rarity)

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        points, after = await self._client.scroll(
            self._name(tenant, collection),
            scroll_filter=_own(tenant, condition(where, collection)),
            limit=limit,
            offset=None if state is None else str(state),
            with_vectors=[DENSE],
        )
        return Slice([_record(point) for point in points], None if after is None else str(after))

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        chosen = _own(tenant, condition(where, collection))
        return (await self._client.count(self._name(tenant, collection), count_filter=chosen, exact=True)).count

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        return Stats(await self.count(tenant, collection, None))

    async def close(self) -> None:
        if self._given is None:
            await self._client.close()

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _search(
        self,
        tenant: Tenant,
        collection: Collection,
        using: str,
        asked: "list[float] | m.SparseVector",
        limit: int,
        where: Node | None,
        options: m.SearchParams,
    ) -> list[Hit]:
        found = await self._client.query_points(
            self._name(tenant, collection),
            query=asked,
            using=using,
            limit=limit,
            query_filter=_own(tenant, condition(where, collection)),
            search_params=options,
            with_payload=True,
        )
        return [
            Hit(payload["id"], point.score, payload["content"], payload["metadata"])
            for point in found.points
            if (payload := point.payload)
        ]

    async def _make(self, name: str, collection: Collection) -> None:
        shared = self._endpoint.isolation == "shared"
        graph = m.HnswConfigDiff(
            m=0 if shared else collection.hnsw_m,
            payload_m=collection.hnsw_m if shared else None,
            ef_construct=collection.hnsw_ef_construction,
        )
        sparse = {WORDS: m.SparseVectorParams(modifier=m.Modifier.IDF)} if collection.lexical else None
        await self._client.create_collection(
            name,
            vectors_config={
                DENSE: m.VectorParams(size=collection.dimensions, distance=_DISTANCES[collection.distance])
            },
            sparse_vectors_config=sparse,
            hnsw_config=graph,
            shard_number=self._endpoint.shards,
            replication_factor=self._endpoint.replicas,
            # A write is acknowledged when most replicas have it.
            write_consistency_factor=self._endpoint.replicas // 2 + 1,
        )

    def _name(self, tenant: Tenant, collection: Collection) -> str:
        # Collections have no dash, and tenants none twice, so two pairs never share a name.
        return collection.name if self._endpoint.isolation == "shared" else f"{collection.name}--{tenant.name}"


def _client(endpoint: QdrantEndpoint) -> AsyncQdrantClient:
    key = read(resolve(endpoint.api_key_file), "the API key").decode().strip() if endpoint.api_key_file else None
    verify: dict[str, Any] = {"verify": str(resolve(endpoint.ca_file))} if endpoint.ca_file else {}
    return AsyncQdrantClient(
        url=endpoint.url,
        port=None if endpoint.url.count(":") > 1 else 6333,
        api_key=key,
        timeout=max(1, int(endpoint.deadlines.write_seconds)),
        check_compatibility=False,
        **verify,
    )


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of Qdrant's client means."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, UnexpectedResponse):
        said = (error.content or b"").decode("utf-8", "replace")[:300]
        if error.status_code in (401, 403):
            return AccessDeniedError(
                f"the API key was refused ({error.status_code})", where=where, fix="Check the key's file"
            )
        if error.status_code == 404 or "doesn't exist" in said:
            return CollectionMissingError("the collection has not been made", where=where, fix="Call create_collection")
        if error.status_code == 429:
            return OverloadedError("it asks for fewer requests (429)", where=where, fix="Try again later")
        if error.status_code == 507 or "No space left" in said or "disk space" in said:
            return StorageFullError(said, where=where, fix="Make room on Qdrant's volume")
        if error.status_code in (502, 503, 504):
            return UnavailableError(f"it answers {error.status_code}", where=where, fix="Try again")
        return EngineError(f"it answers {error.status_code}: {said}", where=where)
    if isinstance(error, ResponseHandlingException):
        source = error.source
        if "Timeout" in type(source).__name__ and "Connect" not in type(source).__name__:
            return DeadlineError(type(source).__name__, where=where, fix="Try again, or raise the endpoint's deadlines")
        return UnavailableError(
            f"{type(source).__name__}: {source}", where=where, fix="Check that it runs and may be reached"
        )
    if isinstance(error, ValueError) and "not found" in str(error):
        return CollectionMissingError("the collection has not been made", where=where, fix="Call create_collection")
    if isinstance(error, OSError | ApiException):
        return UnavailableError(reason, where=where, fix="Check that it runs and may be reached")
    return EngineError(reason, where=where)


def _compare(collection: Collection, found: Any, where: str) -> None:
    vector = found.vectors[DENSE]
    facts = [
        ("dimensions", vector.size, collection.dimensions),
        ("distance", vector.distance.value, _DISTANCES[collection.distance].value),
        ("lexical", WORDS in (found.sparse_vectors or {}), collection.lexical),
    ]
    differences: list[tuple[str, object, object]] = [fact for fact in facts if fact[1] != fact[2]]
    if differences:
        raise CollectionMismatchError(collection.name, differences, where=where)


def _own(tenant: Tenant, more: m.Filter | None = None) -> m.Filter:
    """Only the tenant's points, whatever else is asked."""
    mine = m.FieldCondition(key="tenant", match=m.MatchValue(value=tenant.name))
    return m.Filter(must=[mine] if more is None else [mine, more])


def _with_ids(tenant: Tenant, ids: Sequence[str]) -> m.Filter:
    return m.Filter(must=[m.HasIdCondition(has_id=[_point(tenant, key) for key in ids])])


def _point(tenant: Tenant, key: str) -> str:
    # Names of tenants have no quotes, so no two pairs make one text.
    return str(uuid.uuid5(POINTS, json.dumps([tenant.name, key])))


def _vectors(collection: Collection, item: Stored) -> dict[str, Any]:
    vectors: dict[str, Any] = {DENSE: item.vector.tolist()}
    if collection.lexical and (found := words.document(item.content)):
        vectors[WORDS] = m.SparseVector(indices=list(found), values=list(found.values()))
    return vectors


def _record(point: m.Record) -> Record:
    payload, vectors = point.payload or {}, point.vector
    dense: Any = vectors[DENSE] if isinstance(vectors, dict) else vectors
    return Record(payload["id"], dense, payload["content"], payload["metadata"])
