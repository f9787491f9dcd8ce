"""Vectors in OpenSearch: an index for each collection and tenant, with HNSW from Faiss and BM25 over the text.

A write is acknowledged once searches see it, which takes up to the index's refresh interval of a second. Serverless
collections cannot wait for that: there, what was written is found some seconds later.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Any

from opensearchpy import AsyncOpenSearch, AWSV4SignerAsyncAuth
from opensearchpy.exceptions import ConnectionError, ConnectionTimeout, OpenSearchException, TransportError

from plinth_runtime.files import read, resolve
from plinth_runtime.vectors.config import AwsAuth, BasicAuth, Collection, OpenSearchEndpoint
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
from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

_SPACES = {"cosine": "cosinesimil", "l2": "l2", "inner_product": "innerproduct"}
_TYPES = {"string": "keyword", "integer": "long", "number": "double", "boolean": "boolean"}
_WITHOUT_VECTOR = {"excludes": ["dense"]}


class OpenSearchEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 500

    def __init__(self, endpoint: OpenSearchEndpoint) -> None:
        self._endpoint = endpoint
        self._serverless = isinstance(endpoint.auth, AwsAuth) and endpoint.auth.service == "aoss"
        self.deadlines = endpoint.deadlines
        self.where = f"opensearch at {endpoint.url}"
        self._client = _client(endpoint)

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        name = _index(tenant, collection)
        if not await self._client.indices.exists(index=name):
            await self._client.indices.create(index=name, body=self._body(collection))
            return "made"
        found = (await self._client.indices.get(index=name))[name]["mappings"]["properties"]
        _compare(collection, found, self.where)
        there = found.get("fields", {}).get("properties", {})
        missing = {field.name: {"type": _TYPES[field.type]} for field in collection.fields if field.name not in there}
        if missing:
            more = {"properties": {"fields": {"properties": missing}}}
            await self._client.indices.put_mapping(index=name, body=more)
        return "changed" if missing else "unchanged"

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        await self._client.indices.delete(index=_index(tenant, collection))

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        lines: list[dict[str, Any]] = []
        for item in records:
            lines += [{"index": {"_id": item.id}}, _document(collection, item)]
        await self._bulk(tenant, collection, lines)

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        found = await self._search(tenant, collection, {"size": len(ids), "query": {"ids": {"values": list(ids)}}})
        return [_record(hit) for hit in found]

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        await self._bulk(tenant, collection, [{"delete": {"_id": key}} for key in ids])

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        # Without `conflicts`, a record that is written meanwhile would end it half done.
        options = {"conflicts": "proceed"} if self._serverless else {"conflicts": "proceed", "refresh": "true"}
        body = {"query": condition(where)}
        name = _index(tenant, collection)
        found = await self._client.delete_by_query(index=name, body=body, params=options)
        return int(found["deleted"])

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        asked: dict[str, Any] = {
            "vector": vector.tolist(),
            "k": limit,
            "method_parameters": {"ef_search": max(collection.hnsw_ef_search, limit)},
        }
        if where is not None:
            asked["filter"] = condition(where)
        body = {"size": limit, "query": {"knn": {"dense": asked}}, "_source": _WITHOUT_VECTOR}
        found = await self._search(tenant, collection, body)
        return [_hit(hit, _nearness(collection, hit["_score"])) for hit in found]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        asked: dict[str, Any] = {"must": [{"match": {"content": {"query": text}}}]}
        if where is not None:
            asked["filter"] = [condition(where)]
        body = {"size": limit, "query": {"bool": asked}, "_source": _WITHOUT_VECTOR}
        return [_hit(hit, hit["_score"]) for hit in await self._search(tenant, collection, body)]

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        body: dict[str, Any] = {"size": limit, "query": condition(where), "sort": [{"id": "asc"}]}
        if state is not None:
            body["search_after"] = [str(state)]
        records = [_record(hit) for hit in await self._search(tenant, collection, body)]
        return Slice(records, records[-1].id if len(records) == limit else None)

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        found = await self._client.count(index=_index(tenant, collection), body={"query": condition(where)})
        return int(found["count"])

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        return Stats(await self.count(tenant, collection, None))

    async def close(self) -> None:
        await self._client.close()

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _search(self, tenant: Tenant, collection: Collection, body: dict[str, Any]) -> list[dict[str, Any]]:
        found = await self._client.search(index=_index(tenant, collection), body=body)
        return found["hits"]["hits"]

    async def _bulk(self, tenant: Tenant, collection: Collection, lines: list[dict[str, Any]]) -> None:
        name = _index(tenant, collection)
        options = {} if self._serverless else {"refresh": "wait_for"}
        # A write would make an index that nobody declared, with a guessed mapping.
        if not await self._client.indices.exists(index=name):
            raise _missing(self.where)
        found = await self._client.bulk(index=name, body=lines, params=options)
        for item in found["items"] if found["errors"] else ():
            (outcome,) = item.values()
            if "error" in outcome:
                raise translate(TransportError(outcome["status"], outcome["error"]["type"], outcome), self.where)

    def _body(self, collection: Collection) -> dict[str, Any]:
        graph = {"m": collection.hnsw_m, "ef_construction": collection.hnsw_ef_construction}
        settings: dict[str, Any] = {"knn": True}
        if not self._serverless:
            shape = {"number_of_shards": self._endpoint.shards, "number_of_replicas": self._endpoint.replicas}
            settings = {**settings, **shape}
        dense = {
            "type": "knn_vector",
            "dimension": collection.dimensions,
            "method": {
                "name": "hnsw",
                "engine": "faiss",
                "space_type": _SPACES[collection.distance],
                "parameters": graph,
            },
        }
        fields = {field.name: {"type": _TYPES[field.type]} for field in collection.fields}
        properties = {
            "id": {"type": "keyword"},
            "content": _content(collection),
            "metadata": {"type": "object", "enabled": False},
            "fields": {"dynamic": False, "properties": fields},
            "dense": dense,
        }
        return {"settings": {"index": settings}, "mappings": {"dynamic": False, "properties": properties}}


def condition(node: Node | None) -> dict[str, Any]:
    """A filter as OpenSearch's query."""
    match node:
        case None:
            return {"match_all": {}}
        case Never():
            return {"match_none": {}}
        case All(parts):
            return {"bool": {"filter": [condition(part) for part in parts]}}
        case AnyOf(parts):
            return {"bool": {"should": [condition(part) for part in parts], "minimum_should_match": 1}}
        case Exists(field):
            return {"exists": {"field": _key(field)}}
        case Missing(field):
            return {"bool": {"must_not": [{"exists": {"field": _key(field)}}]}}
        case In(field, values):
            return {"terms": {_key(field): list(values)}}
        case NotIn(field, values):
            there = {"exists": {"field": _key(field)}}
            return {"bool": {"filter": [there], "must_not": [{"terms": {_key(field): list(values)}}]}}
        case Range(field):
            return {"range": {_key(field): node.bounds()}}


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of OpenSearch's client means."""
    text = str(error)[:300]
    if isinstance(error, ConnectionTimeout):
        return DeadlineError("no answer in time", where=where, fix="Try again, or raise the endpoint's deadlines")
    if isinstance(error, ConnectionError | OSError):
        return UnavailableError(text, where=where, fix="Check that it runs and may be reached")
    if isinstance(error, TransportError):
        status = error.status_code
        if "flood-stage" in text or "disk usage exceeded" in text or status == 507:
            return StorageFullError(text, where=where, fix="Make room: OpenSearch has made the index read-only")
        if status in (401, 403):
            return AccessDeniedError(
                f"refused ({status})", where=where, fix="Check the credential, and its permissions"
            )
        if status == 404:
            return _missing(where)
        if status == 429:
            return OverloadedError("it asks for fewer requests (429)", where=where, fix="Try again later")
        if status in (502, 503, 504):
            return UnavailableError(f"it answers {status}", where=where, fix="Try again")
        if status == 400:
            return InvalidRequestError(text, where=where)
    if isinstance(error, OpenSearchException):
        return EngineError(text, where=where)
    return EngineError(f"{type(error).__name__}: {text}", where=where)


def _client(endpoint: OpenSearchEndpoint) -> AsyncOpenSearch:
    auth: Any = None
    if isinstance(endpoint.auth, BasicAuth):
        folder = endpoint.auth.credentials_dir
        auth = tuple(
            read(resolve(f"{folder}/{part}"), f"the {part}").decode().strip() for part in ("username", "password")
        )
    elif isinstance(endpoint.auth, AwsAuth):
        from botocore.session import get_session

        auth = AWSV4SignerAsyncAuth(get_session().get_credentials(), endpoint.auth.region, endpoint.auth.service)
    return AsyncOpenSearch(
        hosts=[endpoint.url],
        http_auth=auth,
        use_ssl=endpoint.url.startswith("https:"),
        verify_certs=True,
        ca_certs=str(resolve(endpoint.ca_file)) if endpoint.ca_file else None,
        timeout=endpoint.deadlines.write_seconds,
        max_retries=0,
    )


def _index(tenant: Tenant, collection: Collection) -> str:
    # Collections have no dash, and tenants none twice, so two pairs never share a name; none may start with `_`.
    return f"v-{collection.name}--{tenant.name}"


def _missing(where: str) -> VectorError:
    return CollectionMissingError("the index has not been made", where=where, fix="Call create_collection")


def _content(collection: Collection) -> dict[str, Any]:
    if not collection.lexical:
        return {"type": "text", "index": False}
    return {"type": "text", "analyzer": "standard" if collection.language == "simple" else collection.language}


def _compare(collection: Collection, found: dict[str, Any], where: str) -> None:
    facts = [
        ("dimensions", found["dense"]["dimension"], collection.dimensions),
        ("distance", found["dense"]["method"]["space_type"], _SPACES[collection.distance]),
        ("lexical", found["content"].get("index", True), collection.lexical),
        ("analyzer", found["content"].get("analyzer"), _content(collection).get("analyzer")),
    ]
    there = found.get("fields", {}).get("properties", {})
    facts += [
        (f"the type of field {field.name}", there[field.name]["type"], _TYPES[field.type])
        for field in collection.fields
        if field.name in there
    ]
    differences: list[tuple[str, object, object]] = [fact for fact in facts if fact[1] != fact[2]]
    if differences:
        raise CollectionMismatchError(collection.name, differences, where=where)


def _key(field: str) -> str:
    return f"fields.{field}"


def _nearness(collection: Collection, score: float) -> float:
    """Our score from OpenSearch's, which is never negative ("Spaces" in its documentation)."""
    if collection.distance == "cosine":
        return 2.0 * score - 1.0
    if collection.distance == "l2":
        return -math.sqrt(max(0.0, 1.0 / score - 1.0))
    return score - 1.0 if score >= 1.0 else 1.0 - 1.0 / score


def _document(collection: Collection, item: Stored) -> dict[str, Any]:
    declared = {field.name for field in collection.fields}
    return {
        "id": item.id,
        "content": item.content,
        "metadata": item.metadata,
        "fields": {name: value for name, value in item.metadata.items() if name in declared},
        "dense": item.vector.tolist(),
    }


def _hit(hit: dict[str, Any], score: float) -> Hit:
    return Hit(hit["_source"]["id"], score, hit["_source"]["content"], hit["_source"]["metadata"])


def _record(hit: dict[str, Any]) -> Record:
    source = hit["_source"]
    return Record(source["id"], source["dense"], source["content"], source["metadata"])
