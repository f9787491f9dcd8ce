"""Takes a snapshot of every collection of a Qdrant cluster, from each of its nodes, to S3.

`plinth-runtime vector-snapshots --config PATH` runs as a Kubernetes CronJob, with the pod's own AWS identity. A node's
snapshot holds the shards that it has. The file `complete.json` is written last: without it a snapshot is not whole.

Only pydantic and the standard library are imported at the top, because Pulumi programs build `VectorSnapshots`.
"""

import datetime
import hashlib
import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from plinth_runtime.config import AbsolutePath, AwsRegion
from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.startup import parse
from plinth_runtime.vectors.endpoints import HttpAddress

ANSWER_SECONDS = 900.0
"""Longest time that a node is silent: while it writes a snapshot it says nothing."""

PART_BYTES = 16 * 2**20
"""Bytes of one part of an upload; S3 takes at most 10,000 parts, so a snapshot may have 156 GiB."""

COMPLETE = "complete.json"


class VectorSnapshots(BaseModel):
    """Of what a snapshot is taken, and where to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    kind: Literal["qdrant"] = "qdrant"
    """Engine."""

    nodes: Annotated[list[HttpAddress], Field(min_length=1)]
    """REST interface of every node."""

    api_key_file: AbsolutePath
    """File with the API key: one that may write, because a snapshot is a file on the node."""

    ca_file: AbsolutePath
    """Certificate authorities (PEM) that the nodes' certificates must come from."""

    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    """Bucket in S3."""

    prefix: Annotated[str, Field(pattern=r"^[a-z0-9/-]+/$")]
    """Start of the keys, with a slash at the end."""

    region: AwsRegion
    """Region of the bucket."""


def run(config_path: str) -> int:
    """Take a snapshot; return the exit status.

    Raises:
        StartupError: a node does not answer or refuses, what it sent is not whole, or S3 refuses.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    file = resolve(config_path)
    wanted = parse(VectorSnapshots, read(file, "the configuration"), file)
    key = read(resolve(wanted.api_key_file), "the API key").decode().strip()
    trusted = ssl.create_default_context(cafile=str(resolve(wanted.ca_file)))
    settings = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=120)
    client: Any = get_session().create_client("s3", region_name=wanted.region, config=settings)
    begun = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    folder = f"{wanted.prefix}{begun}"
    try:
        parts = [
            _copy(client, wanted.bucket, f"{folder}/{collection}/node-{number}.snapshot", node, collection)
            for number, node in enumerate(_Node(address, key, trusted) for address in wanted.nodes)
            for collection in node.collections()
        ]
        body = json.dumps({"taken": begun, "nodes": len(wanted.nodes), "files": parts}, indent=2).encode()
        client.put_object(Bucket=wanted.bucket, Key=f"{folder}/{COMPLETE}", Body=body)
    except (BotoCoreError, ClientError) as error:
        raise StartupError(f"cannot write to s3://{wanted.bucket}/{folder}: {error}") from None
    _say(f"s3://{wanted.bucket}/{folder}: {len(parts)} files, {sum(int(part['bytes']) for part in parts)} bytes")
    return 0


class _Node:
    """One node's REST interface. Errors say which node, and never the key."""

    def __init__(self, address: str, key: str, trusted: ssl.SSLContext) -> None:
        self._where, self._key, self._trusted = urlsplit(address), key, trusted
        self.address = address

    def collections(self) -> list[str]:
        """Names of the collections, sorted."""
        return sorted(str(item["name"]) for item in self._result("GET", "/collections")["collections"])

    def snapshot(self, collection: str) -> dict[str, Any]:
        """Take a snapshot on the node; give its name, size and checksum."""
        return self._result("POST", f"/collections/{quote(collection, safe='')}/snapshots?wait=true")

    def download(self, collection: str, name: str) -> Iterator[bytes]:
        """The snapshot, in parts of `PART_BYTES`."""
        path = f"/collections/{quote(collection, safe='')}/snapshots/{quote(name, safe='')}"
        with closing(self._connect()) as connection:
            answer = self._ask(connection, "GET", path)
            try:
                while part := answer.read(PART_BYTES):
                    yield part
            except (OSError, http.client.HTTPException) as error:
                raise self._error(f"stopped sending the snapshot of {collection} ({type(error).__name__})") from None

    def forget(self, collection: str, name: str) -> None:
        """Delete the snapshot on the node, whose disk is small."""
        self._result("DELETE", f"/collections/{quote(collection, safe='')}/snapshots/{quote(name, safe='')}?wait=true")

    def _result(self, method: str, path: str) -> Any:
        with closing(self._connect()) as connection:
            answer = self._ask(connection, method, path)
            try:
                return json.loads(answer.read())["result"]
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                raise self._error(f"gave no answer to {method} {path} ({type(error).__name__})") from None

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str) -> http.client.HTTPResponse:
        try:
            connection.request(method, path, headers={"api-key": self._key})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._error(f"gave no answer to {method} {path} ({type(error).__name__})") from None
        if answer.status in (401, 403):
            raise self._error("refuses the API key: is it the one that may write?")
        if answer.status >= 300:
            raise self._error(f"refuses {method} {path} ({answer.status}): see its log")
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._where.hostname or "", self._where.port
        if self._where.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=self._trusted)

    def _error(self, what: str) -> StartupError:
        return StartupError(f"Qdrant at {self.address} {what}")


def _copy(client: Any, bucket: str, key: str, node: _Node, collection: str) -> dict[str, object]:
    """One node's snapshot of one collection, to one object; it must arrive whole."""
    taken = node.snapshot(collection)
    name = str(taken["name"])
    try:
        size, checksum = _upload(client, bucket, key, node.download(collection, name))
    finally:
        node.forget(collection, name)
    if size != taken.get("size", size) or checksum != (taken.get("checksum") or checksum):
        client.delete_object(Bucket=bucket, Key=key)
        raise StartupError(f"Qdrant at {node.address} sent a snapshot of {collection} that is not the one it took")
    _say(f"collection {collection}: {size} bytes of {node.address}")
    return {"key": key, "collection": collection, "bytes": size, "sha256": checksum}


def _upload(client: Any, bucket: str, key: str, parts: Iterator[bytes]) -> tuple[int, str]:
    """Upload in parts; what is not finished is taken back. Gives size and SHA-256."""
    place = {"Bucket": bucket, "Key": key}
    upload = client.create_multipart_upload(**place)["UploadId"]
    size, digest, done = 0, hashlib.sha256(), list[dict[str, object]]()
    try:
        for number, part in enumerate(parts, 1):
            size += len(part)
            digest.update(part)
            tag = client.upload_part(**place, UploadId=upload, PartNumber=number, Body=part)["ETag"]
            done.append({"PartNumber": number, "ETag": tag})
        client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": done})
    except BaseException:
        client.abort_multipart_upload(**place, UploadId=upload)
        raise
    return size, digest.hexdigest()


def _say(text: str) -> None:
    print(f"vector-snapshots: {text}", flush=True)  # noqa: T201 - the Job's log
