"""Writing to the bucket: an object appears when it is whole and its digest is right, or not at all."""

import hashlib
from collections.abc import Iterable
from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.mirror.hub import HubFile

PART_BYTES = 64 * 2**20
"""Bytes of one part of an upload; S3 takes 10,000 parts, of 5 MiB at least."""

MOST_PARTS = 9000

DIGEST = "plinth-digest"
"""Metadata of an object: the digest that its bytes were checked against."""


class Bucket:
    """A folder of an S3 bucket."""

    def __init__(self, client: Any, name: str, path: str) -> None:
        self._client, self._name, self._path = client, name, path

    def finished(self, files: Iterable[HubFile]) -> set[str]:
        """Those of the files that are there, whole and checked."""
        sizes: dict[str, int] = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=f"{self._path}/"):
            sizes |= {str(found["Key"]): int(found["Size"]) for found in page.get("Contents", [])}
        return {file.path for file in files if sizes.get(self._key(file)) == file.size and self._is_checked(file)}

    def write(self, file: HubFile, pieces: Iterable[bytes]) -> None:
        """Upload a file while it is read, and let it appear if its digest is right.

        Raises:
            StartupError: the bytes are not those that the hub promised.
        """
        target = {"Bucket": self._name, "Key": self._key(file)}
        metadata = {"Metadata": {DIGEST: file.digest}}
        hashed = _hash_of(file)
        if file.size <= PART_BYTES:
            content = b"".join(pieces)
            hashed.update(content)
            _check(file, hashed.hexdigest())
            self._client.put_object(**target, **metadata, Body=content)
            return
        upload = {**target, "UploadId": self._client.create_multipart_upload(**target, **metadata)["UploadId"]}
        try:
            parts: list[dict[str, Any]] = []
            for content in _parts(pieces, max(PART_BYTES, -(-file.size // MOST_PARTS))):
                hashed.update(content)
                number = len(parts) + 1
                tag = self._client.upload_part(**upload, PartNumber=number, Body=content)["ETag"]
                parts.append({"ETag": tag, "PartNumber": number})
            _check(file, hashed.hexdigest())
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self._client.abort_multipart_upload(**upload)
            raise

    def _is_checked(self, file: HubFile) -> bool:
        head = self._client.head_object(Bucket=self._name, Key=self._key(file))
        return head.get("Metadata", {}).get(DIGEST) == file.digest

    def _key(self, file: HubFile) -> str:
        return f"{self._path}/{file.path}"


def _hash_of(file: HubFile) -> Any:
    if file.digest.startswith("sha256:"):
        return hashlib.sha256()
    # What git calls a blob by: no protection against an attacker, who could as well change the list of files.
    return hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)


def _check(file: HubFile, digest: str) -> None:
    if digest != file.digest.partition(":")[2]:
        raise StartupError(f"{file.path} is not what the hub promised: its digest is {digest}, not {file.digest}")


def _parts(pieces: Iterable[bytes], size: int) -> Iterable[bytes]:
    """The same bytes in parts of one size, but for the last."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
