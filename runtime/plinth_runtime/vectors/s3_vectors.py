"""Vectors in Amazon S3 Vectors: an index for each collection and tenant, in one vector bucket.

It has no search by words, no count and no deletion by filter: counting and filtered deletion read the whole index,
page by page, and take as long as that does. A search gives at most 100 records.
Limits are those of the Amazon S3 User Guide, "Limitations and restrictions" of S3 Vectors.
"""

import asyncio
import hashlib
import json
from array import array
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)

from plinth_runtime.vectors.config import Collection, S3VectorsEndpoint
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
from plinth_runtime.vectors.filters import Never, Node, matches
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

MOST_HITS = 100
MOST_KEYS = 100
"""Keys of one GetVectors."""
PAGE = 500
LONGEST_METADATA = 40_960
LONGEST_FILTERABLE = 2_048
"""Bytes of metadata of a vector, and of those that filters may use."""

CONTENT, METADATA = "_content", "_metadata"
_DISTANCES = {"cosine": "cosine", "l2": "euclidean"}


class S3VectorsEngine:
    """See the module, and `plinth_runtime.vectors.engine.Engine`."""

    batch = 500

    def __init__(self, endpoint: S3VectorsEndpoint) -> None:
        self._endpoint = endpoint
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="s3-vectors")
        self.deadlines = endpoint.deadlines
        self.where = f"s3_vectors, bucket {endpoint.bucket} in {endpoint.region}"
        self._client = boto3.client(
            "s3vectors",
            region_name=endpoint.region,
            endpoint_url=endpoint.url,
            config=Config(
                connect_timeout=endpoint.deadlines.connect_seconds,
                read_timeout=endpoint.deadlines.write_seconds,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=16,
            ),
        )

    async def create(self, tenant: Tenant, collection: Collection) -> Made:
        try:
            found = await self._call("get_index", tenant, collection)
        except ClientError as error:
            if _code(error) != "NotFoundException" or "bucket" in str(error).lower():
                raise
        else:
            _compare(collection, found["index"], self.where)
            return "unchanged"
        options: dict[str, Any] = {}
        if self._endpoint.kms_key_arn:
            arn = self._endpoint.kms_key_arn
            options["encryptionConfiguration"] = {"sseType": "aws:kms", "kmsKeyArn": arn}
        await self._call(
            "create_index",
            tenant,
            collection,
            dataType="float32",
            dimension=collection.dimensions,
            distanceMetric=_DISTANCES[collection.distance],
            metadataConfiguration={"nonFilterableMetadataKeys": [CONTENT, METADATA]},
            **options,
        )
        return "made"

    async def drop(self, tenant: Tenant, collection: Collection) -> None:
        await self._call("delete_index", tenant, collection)

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None:
        await self._call("put_vectors", tenant, collection, vectors=[_vector(collection, item) for item in records])

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]:
        parts = [ids[at : at + MOST_KEYS] for at in range(0, len(ids), MOST_KEYS)]
        found = [
            await self._call("get_vectors", tenant, collection, keys=list(part), returnData=True, returnMetadata=True)
            for part in parts
        ]
        return [_record(item) for answer in found for item in answer["vectors"]]

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), self.batch):
            await self._call("delete_vectors", tenant, collection, keys=list(ids[at : at + self.batch]))

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int:
        found = [item["key"] async for item in self._listed(tenant, collection) if _fits(where, collection, item)]
        await self.delete(tenant, collection, found)
        return len(found)

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]:
        if limit > MOST_HITS:
            raise UnsupportedError(f"a search gives at most {MOST_HITS} records", where=self.where)
        if isinstance(where, Never):
            return []
        options = {} if where is None else {"filter": document(where)}
        found = await self._call(
            "query_vectors",
            tenant,
            collection,
            topK=limit,
            queryVector={"float32": vector.tolist()},
            returnDistance=True,
            returnMetadata=True,
            **options,
        )
        cosine = collection.distance == "cosine"
        return [
            Hit(item["key"], 1.0 - item["distance"] if cosine else -item["distance"], *_texts(item))
            for item in found["vectors"]
        ]

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]:
        raise UnsupportedError("it has no search by words", where=self.where, fix="Place the collection elsewhere")

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice:
        options = {} if state is None else {"nextToken": str(state)}
        found = await self._call(
            "list_vectors",
            tenant,
            collection,
            maxResults=min(limit, PAGE),
            returnData=True,
            returnMetadata=True,
            **options,
        )
        records = [_record(item) for item in found["vectors"] if _fits(where, collection, item)]
        return Slice(records, found.get("nextToken"))

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int:
        wanted = where is not None
        return len([1 async for item in self._listed(tenant, collection, wanted) if _fits(where, collection, item)])

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats:
        return Stats(await self.count(tenant, collection, None))

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def translate(self, error: Exception) -> VectorError:
        return translate(error, self.where)

    async def _listed(
        self, tenant: Tenant, collection: Collection, metadata: bool = True
    ) -> AsyncIterator[dict[str, Any]]:
        options: dict[str, Any] = {}
        while True:
            found = await self._call(
                "list_vectors", tenant, collection, maxResults=PAGE, returnMetadata=metadata, **options
            )
            for item in found["vectors"]:
                yield item
            if not found.get("nextToken"):
                return
            options = {"nextToken": found["nextToken"]}

    async def _call(self, name: str, tenant: Tenant, collection: Collection, **given: Any) -> dict[str, Any]:
        place = {"vectorBucketName": self._endpoint.bucket, "indexName": index_name(tenant, collection)}
        work = getattr(self._client, name)
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(**place, **given))


def index_name(tenant: Tenant, collection: Collection) -> str:
    """Name of an index: 3 to 63 lower-case letters, digits and dashes. The digest tells apart what looks alike."""
    digest = hashlib.sha256(json.dumps([collection.name, tenant.name]).encode()).hexdigest()[:20]
    return f"v-{collection.name[:18].replace('_', '-')}-{tenant.name[:18]}-{digest}"


def translate(error: Exception, where: str) -> VectorError:
    """What an exception of boto3 means."""
    code = _code(error)
    text = str(error)[:300]
    if code == "NotFoundException":
        return CollectionMissingError("the index has not been made", where=where, fix="Call create_collection")
    denied = (
        "AccessDeniedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
    )
    if code in denied or isinstance(error, NoCredentialsError):
        return AccessDeniedError(text, where=where, fix="Check the workload's role")
    if code in ("TooManyRequestsException", "ThrottlingException"):
        return OverloadedError(text, where=where, fix="Try again later")
    if code == "ServiceQuotaExceededException":
        return StorageFullError(text, where=where, fix="Ask AWS for a higher quota")
    if code == "ValidationException":
        return InvalidRequestError(text, where=where)
    if code == "RequestTimeoutException" or isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        return DeadlineError(text, where=where, fix="Try again, or raise the endpoint's deadlines")
    if code == "ServiceUnavailableException" or isinstance(error, ConnectionError | BotoCoreError | OSError):
        return UnavailableError(text, where=where, fix="Check that the service may be reached")
    return EngineError(f"{type(error).__name__}: {text}", where=where)


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _compare(collection: Collection, index: dict[str, Any], where: str) -> None:
    facts = [
        ("dimensions", index["dimension"], collection.dimensions),
        ("distance", index["distanceMetric"], _DISTANCES[collection.distance]),
    ]
    differences: list[tuple[str, object, object]] = [fact for fact in facts if fact[1] != fact[2]]
    if differences:
        raise CollectionMismatchError(collection.name, differences, where=where)


def _vector(collection: Collection, item: Stored) -> dict[str, Any]:
    declared = {field.name for field in collection.fields}
    filterable = {key(name): value for name, value in item.metadata.items() if name in declared}
    whole = {CONTENT: item.content, METADATA: json.dumps(item.metadata, ensure_ascii=False), **filterable}
    for what, part, most in (("filterable", filterable, LONGEST_FILTERABLE), ("all", whole, LONGEST_METADATA)):
        if len(json.dumps(part, ensure_ascii=False).encode()) > most:
            raise InvalidRequestError(
                f"record {item.id!r:.80}: S3 Vectors takes at most {most} bytes of {what} metadata, content included"
            )
    return {"key": item.id, "data": {"float32": item.vector.tolist()}, "metadata": whole}


def _fits(where: Node | None, collection: Collection, item: dict[str, Any]) -> bool:
    return where is None or matches(where, json.loads(item["metadata"][METADATA]))


def _record(item: dict[str, Any]) -> Record:
    return Record(item["key"], item["data"]["float32"], *_texts(item))


def _texts(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return item["metadata"][CONTENT], json.loads(item["metadata"][METADATA])
