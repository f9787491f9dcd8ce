"""Brings a model's weights from S3 to a folder, for servers that only read files.

`plinth-runtime fetch-weights --from s3://BUCKET/PATH --to FOLDER` runs before such a server starts, in its pod. Files
are fetched in parts, several at once; after a restart only what is missing is fetched again.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plinth_runtime.errors import StartupError

PART_BYTES = 64 * 2**20
"""Bytes of one request: large enough for full speed, small enough that every thread has work until the end."""

THREADS = 16

_UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder in a bucket."""

    bucket: str
    path: str

    @classmethod
    def parse(cls, address: str) -> "Source":
        """`s3://BUCKET/PATH`, with or without a slash at the end.

        Raises:
            StartupError: it is no such address.
        """
        bucket, _, path = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not bucket or not path.strip("/"):
            raise StartupError(f"--from {address} is not an address like s3://BUCKET/PATH")
        return cls(bucket, path.strip("/"))


@dataclass(frozen=True, slots=True)
class File:
    """One object below the source."""

    key: str
    name: str
    """Path below the source."""
    size: int
    """In bytes."""
    etag: str


def run(address: str, folder: str) -> int:
    """Fetch what `folder` does not have yet; return the exit status.

    Raises:
        StartupError: there is nothing, it may not be read, or it does not fit.
    """
    # Slow to import; only this part needs it.
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    source, target = Source.parse(address), Path(folder)
    # Credentials come from the pod's own identity, the region from the pod's environment.
    settings = Config(max_pool_connections=THREADS, retries={"mode": "standard", "total_max_attempts": 8})
    client: Any = get_session().create_client("s3", config=settings)
    try:
        files = list(_list(client, source))
        if not files:
            raise StartupError(f"there are no files under {address}: has the model been uploaded?")
        missing = [file for file in files if not _is_there(target, file)]
        _fetch(client, source.bucket, missing, target)
    except (BotoCoreError, ClientError) as error:
        raise StartupError(f"cannot fetch {address}: {error}") from error
    except OSError as error:
        raise StartupError(f"cannot write to {folder}: {error}") from error
    size = sum(file.size for file in missing)
    print(f"fetched {len(missing)} of {len(files)} files, {size / 2**30:.2f} GiB", file=sys.stderr)  # noqa: T201 - the pod's log
    return 0


def _list(client: Any, source: Source) -> Iterator[File]:
    prefix = f"{source.path}/"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            name = str(found["Key"]).removeprefix(prefix)
            if not name or name.endswith("/"):
                continue
            if ".." in Path(name).parts or name.startswith("/"):
                raise StartupError(f"s3://{source.bucket}/{found['Key']} would be written outside of its folder")
            yield File(str(found["Key"]), name, int(found["Size"]), str(found["ETag"]))


def _is_there(target: Path, file: File) -> bool:
    path = target / file.name
    return path.is_file() and path.stat().st_size == file.size


def _fetch(client: Any, bucket: str, files: list[File], target: Path) -> None:
    """Fetch all parts of all files; a file gets its name once it is whole."""
    with ThreadPoolExecutor(THREADS) as threads:
        parts: dict[Future[None], File] = {}
        left: dict[File, int] = {}
        for file in files:
            unfinished = target / f"{file.name}{_UNFINISHED}"
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as opened:
                opened.truncate(file.size)
            starts = range(0, file.size, PART_BYTES)
            left[file] = len(starts)
            if not starts:
                unfinished.rename(target / file.name)
            for start in starts:
                parts[threads.submit(_part, client, bucket, file, unfinished, start)] = file
        try:
            for done in as_completed(parts):
                done.result()
                file = parts[done]
                left[file] -= 1
                if not left[file]:
                    (target / f"{file.name}{_UNFINISHED}").rename(target / file.name)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _part(client: Any, bucket: str, file: File, path: Path, start: int) -> None:
    """Fetch one part, of the very version that was listed."""
    end = min(start + PART_BYTES, file.size) - 1
    answer = client.get_object(Bucket=bucket, Key=file.key, Range=f"bytes={start}-{end}", IfMatch=file.etag)
    with path.open("r+b") as opened:
        opened.seek(start)
        for chunk in answer["Body"].iter_chunks(2**20):
            opened.write(chunk)
        if opened.tell() != end + 1:
            raise OSError(f"{file.name} ended after {opened.tell() - start} of {end + 1 - start} bytes")
        opened.flush()
        os.fdatasync(opened.fileno())
