"""Vectors in Pinecone: a serverless index for each collection, a namespace for each tenant.

Reads are eventually consistent: what was written is found some seconds later. There is no search by words, and no
count by filter: counting and filtered deletion read what satisfies the filter, page by page.
"""

import asyncio
import hashlib
import json
import math
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pinecone import AsyncIndex, AsyncPinecone, RetryConfig, ServerlessSpec
from pinecone.errors import exceptions as failures

from plinth_runtime.files import read, resolve
from plinth_runtime.vectors.config import Collection, PineconeEndpoint
from plinth_runtime.vectors.document_filters import document, key
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
    UnsupportedError,
    VectorError,
)
from plinth_runtime.vectors.filters import Never, Node
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

PAGE = 100
"""Most ids of one page, and most records of one filtered page, as we ask for them."""

LONGEST_QUERY = 4_000
"""Characters of ids in one request for records, which go into its address."""

LONGEST_METADATA = 40_960
"""Bytes of metadata of a record, as Pinecone's documentation limits it; the text counts in."""

LONGEST_NAME = 45
"""Characters of an index's name."""

_METRICS = {"cosine": "cosine", "l2": "euclidean", "inner_product": "dotproduct"}


class PineconeEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    # A request takes 2 MB, and a number up to 12 characters of it.
    batch = 50

    def __init__(self, endpoint: PineconeEndpoint) -> None:
        self._endpoint = endpoint
        api_key = read(resolve(endpoint.api_key_file), "the API key").decode().strip()
        self._client = AsyncPinecone(
            api_key=api_key,
            host=endpoint.url,
            timeout=endpoint.deadlines.write_seconds,
            source_tag="plinth",
            # Trying again would hide a closed port until the deadline.
            retry_config=RetryConfig(max_retries=0),
        )
        self._indexes: dict[str, AsyncIndex] = {}
        self._opening = asyncio.Lock()
        self.deadlines = endpoint.deadlines
        self.where = f"pinecone at {endpoint.url}"

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        name = index_name(self._endpoint.index_prefix, collection)
        try:
            found = await self._client.indexes.describe(name)
        except failures.NotFoundError:
            await self._client.indexes.create(
                name=name,
                dimension=collection.dimensions,
                metric=_METRICS[collection.distance],
                spec=ServerlessSpec(cloud=self._endpoint.cloud, region=self._endpoint.region),
                deletion_protection="enabled" if self._endpoint.deletion_protection else "disabled",
                timeout=int(self.deadlines.build_seconds),
            )
            return "made"
        _compare(collection, found, self.where)
        return "unchanged"

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        index = await self._index(collection)
        try:
            await index.delete_namespace(name=tenant.name)
        except failures.NotFoundError:
            return  # a namespace is there from its first record on

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        vectors = [_vector(collection, item) for item in records]
        await (await self._index(collection)).upsert(vectors=vectors, namespace=tenant.name, show_progress=False)

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        return await self._fetch(await self._index(collection), tenant, [point(value) for value in ids])

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        index = await self._index(collection)
        points = [point(value) for value in ids]
        for at in range(0, len(points), PAGE):
            try:
                await index.delete(ids=points[at : at + PAGE], namespace=tenant.name)
            except failures.NotFoundError:
                return  # no namespace, so no records

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        found = [item.id async for item in self._matching(tenant, collection, where)]
        await self.delete(tenant, collection, found)
        return len(found)

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        index = await self._index(collection)
        if isinstance(where, Never):
            return []
        found = await index.query(
            vector=vector.tolist(),
            top_k=limit,
            namespace=tenant.name,
            include_metadata=True,
            filter=None if where is None else document(where),
        )
        return [Hit(record.id, score, record.content, record.metadata) for record, score in _scored(collection, found)]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        raise UnsupportedError("it has no search by words", where=self.where, fix="Place the collection elsewhere")

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        index, most = await self._index(collection), min(limit, PAGE)
        token = None if state is None else str(state)
        if isinstance(where, Never):
            return Slice([], None)
        if where is not None:
            found = await index.fetch_by_metadata(
                filter=document(where), namespace=tenant.name, limit=most, pagination_token=token
            )
            return Slice([_record(item) for item in found.vectors.values()], _next(found))
        listed = await index.list_paginated(namespace=tenant.name, limit=most, pagination_token=token)
        records = await self._fetch(index, tenant, [item.id for item in listed.vectors if item.id])
        return Slice(records, _next(listed))

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        if where is not None:
            return len([1 async for _ in self._matching(tenant, collection, where)])
        index = await self._index(collection)
        try:
            return int((await index.describe_namespace(name=tenant.name)).record_count)
        except failures.NotFoundError:
            return 0

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        return Stats(await self.count(tenant, collection, None))

    async def close(self) -> None:
        for index in self._indexes.values():
            await index.close()
        await self._client.close()

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _matching(self, tenant: Tenant, collection: Collection, where: Node) -> AsyncIterator[Record]:
        state: Any | None = None
        while True:
            part = await self.page(tenant, collection, PAGE, state, where)
            for item in part.records:
                yield item
            state = part.state
            if state is None:
                return

    async def _fetch(self, index: AsyncIndex, tenant: Tenant, points: Sequence[str]) -> list[Record]:
        parts: list[list[str]] = []
        room = 0
        for value in points:
            if not parts or room < len(value):
                parts.append([])
                room = LONGEST_QUERY
            parts[-1].append(value)
            room -= len(value) + 5
        found = [await index.fetch(ids=part, namespace=tenant.name) for part in parts]
        by_id = {name: item for answer in found for name, item in answer.vectors.items()}
        return [_record(by_id[value]) for value in points if value in by_id]

    async def _index(self, collection: Collection) -> AsyncIndex:
        name = index_name(self._endpoint.index_prefix, collection)
        async with self._opening:
            if name not in self._indexes:
                host = (await self._client.indexes.describe(name)).host
                self._indexes[name] = await self._client.index(host=host)
            return self._indexes[name]


def index_name(prefix: str, collection: Collection) -> str:
    """Name of a collection's index: at most 45 lower-case letters, digits and dashes.

    Collections have no dash, so those that fit keep their name; the digest tells the others apart.
    """
    name = "-".join(part for part in (prefix, collection.name.replace("_", "-")) if part)
    if len(name) <= LONGEST_NAME and collection.name.strip("_") == collection.name:
        return name
    digest = hashlib.sha256(collection.name.encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - 12].strip('-')}--{digest}"


def point(value: str) -> str:
    """Pinecone's id of a record: the record's own where that is plain ASCII, else a digest of it."""
    if value.isascii() and value.isprintable() and not value.startswith("~"):
        return value
    return f"~{hashlib.sha256(value.encode()).hexdigest()}"


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of Pinecone's client means."""
    text = str(error)[:300]
    match error:
        case failures.UnauthorizedError() | failures.ForbiddenError():
            return AccessDeniedError("the API key was refused", where=where, fix="Check the key's file")
        case failures.NotFoundError():
            return CollectionMissingError("the index has not been made", where=where, fix="Call create_collection")
        case failures.RateLimitError():
            return OverloadedError("it asks for fewer requests (429)", where=where, fix="Try again later")
        case failures.PaymentRequiredError():
            return StorageFullError(text, where=where, fix="Raise the plan's limits")
        case failures.PineconeTimeoutError():
            return DeadlineError(text, where=where, fix="Try again, or raise the endpoint's deadlines")
        case failures.PineconeConnectionError() | failures.ServiceError() | OSError():
            return UnavailableError(text, where=where, fix="Check that it may be reached")
        case _:
            return EngineError(f"{type(error).__name__}: {text}", where=where)


def _compare(collection: Collection, found: Any, where: str) -> None:
    facts = [
        ("dimensions", found.dimension, collection.dimensions),
        ("distance", str(found.metric), _METRICS[collection.distance]),
    ]
    differences: list[tuple[str, object, object]] = [fact for fact in facts if fact[1] != fact[2]]
    if differences:
        raise CollectionMismatchError(collection.name, differences, where=where)


def _vector(collection: Collection, item: Stored) -> dict[str, Any]:
    declared = {field.name for field in collection.fields}
    fields = {key(name): value for name, value in item.metadata.items() if name in declared}
    own = {"_id": item.id, "_content": item.content, "_metadata": json.dumps(item.metadata, ensure_ascii=False)}
    if len(json.dumps({**own, **fields}, ensure_ascii=False).encode()) > LONGEST_METADATA:
        raise InvalidRequestError(
            f"record {item.id!r:.80}: Pinecone takes at most {LONGEST_METADATA} bytes of metadata, content included"
        )
    return {"id": point(item.id), "values": item.vector.tolist(), "metadata": {**own, **fields}}


def _scored(collection: Collection, found: Any) -> list[tuple[Record, float]]:
    """Records and our scores. Pinecone's for `euclidean` is the square of the distance."""
    squared = collection.distance == "l2"
    return [
        (_record(item), -math.sqrt(max(0.0, item.score)) if squared else float(item.score)) for item in found.matches
    ]


def _record(item: Any) -> Record:
    own = item.metadata
    return Record(own["_id"], list(item.values or ()), own["_content"], json.loads(own["_metadata"]))


def _next(found: Any) -> str | None:
    return found.pagination.next if found.pagination else None
