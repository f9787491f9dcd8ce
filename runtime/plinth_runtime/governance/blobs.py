"""Small files in a folder or in S3, behind one port.

A file appears whole or not at all, and `create` never replaces: of two that write the same name one is refused.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from plinth_runtime.errors import StartupError
from plinth_runtime.files import resolve
from plinth_runtime.governance.config import FolderPlace, S3Place

if TYPE_CHECKING:
    from plinth_runtime.governance.config import Place

ATTEMPTS = 5
PER_REQUEST = 1000
"""Most objects that S3 deletes in one request."""

TIMEOUT_SECONDS = 10
"""Longest time to connect to S3, and to wait for an answer."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file; a folder has only the newest."""

    name: str
    written: datetime
    id: str | None = None
    """What S3 calls it."""


class Blobs(Protocol):
    """Named files. Every method raises StartupError when the place cannot be used."""

    place: str
    """Where it is, for people."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a new file; False when there is one of that name, which stays as it is."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, or replace it."""
        ...

    def read(self, name: str) -> bytes | None:
        """Contents of a file; None when there is none."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names that start so, in order."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file with every version of it; nothing happens when there is none."""
        ...

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version of every file whose name starts so, deletion markers among them."""
        ...

    def delete(self, versions: Sequence[Version]) -> int:
        """Delete versions for good; gives how many are gone."""
        ...


def blobs(place: "Place") -> Blobs:
    """The files at a place."""
    return Folder(place) if isinstance(place, FolderPlace) else Bucket(place)


class Folder:
    """Files below a folder."""

    def __init__(self, place: FolderPlace) -> None:
        self._root = resolve(place.path)
        self.place = str(self._root)

    def create(self, name: str, data: bytes) -> bool:
        """Write a new file; False when there is one of that name."""
        return self._put(name, data, replace=False)

    def write(self, name: str, data: bytes) -> None:
        """Write a file, or replace it."""
        self._put(name, data, replace=True)

    def read(self, name: str) -> bytes | None:
        """Contents of a file; None when there is none."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble("read", name, error) from None

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names that start so, in order; unfinished files are not among them."""
        try:
            found = sorted(path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        except OSError as error:
            raise self._trouble("list", prefix, error) from None
        yield from (name for name in found if name.startswith(prefix) and not Path(name).name.startswith("."))

    def remove(self, name: str) -> None:
        """Delete a file; nothing happens when there is none."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self._trouble("delete", name, error) from None

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every file whose name starts so."""
        for name in self.names(prefix):
            try:
                changed = self._path(name).stat().st_mtime
            except FileNotFoundError:
                continue
            yield Version(name, datetime.fromtimestamp(changed, UTC))

    def delete(self, versions: Sequence[Version]) -> int:
        """Delete files; gives how many are gone."""
        for version in versions:
            self.remove(version.name)
        return len(versions)

    def _put(self, name: str, data: bytes, *, replace: bool) -> bool:
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as opened:
                    opened.write(data)
                    opened.flush()
                    os.fsync(opened.fileno())
                if replace:
                    Path(unfinished).replace(path)
                else:
                    # A hard link is refused where the name is taken: no other writer's file is ever replaced.
                    os.link(unfinished, path)
            except FileExistsError:
                return False
            finally:
                Path(unfinished).unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise self._trouble("write", name, error) from None
        return True

    def _path(self, name: str) -> Path:
        if not name or name.startswith("/") or ".." in Path(name).parts:
            raise StartupError(f"{name!r} is no name of a file below {self.place}")
        return self._root / name

    def _trouble(self, verb: str, name: str, error: OSError) -> StartupError:
        return StartupError(f"cannot {verb} {self.place}/{name}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Bucket:
    """Objects of an S3 bucket, written with `If-None-Match` where they must be new."""

    def __init__(self, place: S3Place) -> None:
        self._bucket, self._prefix, self._lock_days = place.bucket, place.prefix, place.lock_days
        self.place = f"s3://{place.bucket}/{place.prefix}".rstrip("/")
        self._client = aws_client("s3")

    def create(self, name: str, data: bytes) -> bool:
        """Write a new object, locked where the place says so; False when there is one of that name."""
        more: dict[str, Any] = {"IfNoneMatch": "*"}
        if self._lock_days:
            until = datetime.now(UTC) + timedelta(days=self._lock_days)
            more |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        answer = self._call("put_object", name, ("PreconditionFailed", "412"), Key=self._key(name), Body=data, **more)
        return answer is not None

    def write(self, name: str, data: bytes) -> None:
        """Write an object, or a new version of it."""
        self._call("put_object", name, Key=self._key(name), Body=data)

    def read(self, name: str) -> bytes | None:
        """Contents of an object; None when there is none."""
        answer = self._call("get_object", name, ("NoSuchKey", "404"), Key=self._key(name))
        return None if answer is None else answer["Body"].read()

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names that start so, in order."""
        more: dict[str, str] = {}
        while True:
            answer = self._call("list_objects_v2", prefix, Prefix=self._key(prefix), **more)
            yield from (str(found["Key"]).removeprefix(self._prefix) for found in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def remove(self, name: str) -> None:
        """Delete every version of an object; nothing happens when there is none."""
        self.delete([version for version in self.versions(name) if version.name == name])

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version of every object whose name starts so, deletion markers among them."""
        more: dict[str, str] = {}
        while True:
            answer = self._call("list_object_versions", prefix, Prefix=self._key(prefix), **more)
            for found in (*answer.get("Versions", []), *answer.get("DeleteMarkers", [])):
                name = str(found["Key"]).removeprefix(self._prefix)
                yield Version(name, found["LastModified"], str(found["VersionId"]))
            if not answer.get("IsTruncated"):
                return
            more = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer.get("NextVersionIdMarker", "")}

    def delete(self, versions: Sequence[Version]) -> int:
        """Delete versions for good, a thousand a request.

        Raises:
            StartupError: S3 refused one; those before are gone.
        """
        for start in range(0, len(versions), PER_REQUEST):
            batch = versions[start : start + PER_REQUEST]
            objects = [{"Key": self._key(version.name), "VersionId": version.id} for version in batch]
            answer = self._call("delete_objects", "", Delete={"Objects": objects, "Quiet": True})
            for refused in answer.get("Errors", [])[:1]:
                raise StartupError(
                    f"S3 refused to delete {refused.get('Key')} of {self.place}: {refused.get('Message')}"
                )
        return len(versions)

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _call(self, method: str, name: str, expected: tuple[str, ...] = (), **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in expected:
                return None
            raise StartupError(f"S3 refused {method} of {self.place}/{name}: {error}") from None
        except BotoCoreError as error:
            raise StartupError(f"cannot reach {self.place}/{name}: {error}") from None


def aws_client(service: str) -> Any:
    """A client of an AWS service with the pod's own credentials; it gives up within a minute or so."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    settings = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        return get_session().create_client(service, config=settings)
    except BotoCoreError as error:
        raise StartupError(f"cannot use AWS {service}: {error}. Is AWS_REGION set?") from None
