"""The official release of the Pulumi CLI: downloaded, checked against the published checksum, unpacked."""

import hashlib
import http.client
import io
import os
import re
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from plinth_cli.console import Task
from plinth_cli.toolchain.model import PULUMI_VERSION, AttemptFailed, platform_name

RELEASES = "https://get.pulumi.com/releases/sdk"
"""Where Pulumi publishes releases; PLINTH_PULUMI_RELEASES names a mirror with the same file names."""

TIMEOUT_SECONDS = 8.0
_CHUNK = 1 << 18
_MEGABYTE = 1_000_000
_HASHES = {64: "sha256", 128: "sha512"}


def download_release(folder: Path, task: Task) -> None:
    """Put the executables of the pinned release into `folder`.

    Raises:
        AttemptFailed: It cannot be reached, was cut off, or is not what the checksum says.
    """
    base = os.environ.get("PLINTH_PULUMI_RELEASES", RELEASES).rstrip("/")
    archive = f"pulumi-v{PULUMI_VERSION}-{platform_name()}.tar.gz"
    task.update("asking for the checksum")
    digest = expected_digest(_read(f"{base}/pulumi-{PULUMI_VERSION}-checksums.txt"), archive)
    file = folder / archive
    _fetch(f"{base}/{archive}", file, task)
    task.update("checking")
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, _HASHES[len(digest)]).hexdigest()
    if actual != digest:
        raise AttemptFailed(
            f"{base}/{archive} is not the published file: its checksum is {actual[:16]}…, not {digest[:16]}…"
        )
    task.update("unpacking")
    _unpack(file, folder)
    file.unlink()


def expected_digest(checksums: str, archive: str) -> str:
    """Return the digest of a file in a `<hex>  <name>` list.

    Raises:
        AttemptFailed: The list does not hold it, or holds something that is no digest.
    """
    for line in checksums.splitlines():
        digest, _, name = line.strip().partition(" ")
        if name.strip().lstrip("*") == archive and len(digest) in _HASHES and re.fullmatch("[0-9a-f]+", digest):
            return digest
    raise AttemptFailed(f"the published list of checksums does not hold {archive}")


def _open(url: str) -> http.client.HTTPResponse:
    if not url.startswith(("https://", "http://")):
        raise AttemptFailed(f"{url} is not a web address")
    agent = {"User-Agent": f"plinth (pulumi {PULUMI_VERSION})"}
    request = urllib.request.Request(url, headers=agent)  # noqa: S310 - the scheme was checked above
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310 - the scheme was checked above
    except urllib.error.HTTPError as error:
        raise AttemptFailed(f"{url} answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, TimeoutError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise AttemptFailed(f"{url} cannot be reached: {reason}") from None


def _read(url: str) -> str:
    buffer = io.BytesIO()
    with _open(url) as response:
        _copy(response, buffer, url, None)
    return buffer.getvalue().decode(errors="replace")


def _fetch(url: str, file: Path, task: Task) -> None:
    with _open(url) as response, file.open("wb") as target:
        _copy(response, target, url, task)


def _copy(response: http.client.HTTPResponse, target: IO[bytes], url: str, task: Task | None) -> None:
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    done = 0
    try:
        while chunk := response.read(_CHUNK):
            target.write(chunk)
            done += len(chunk)
            if task:
                of = f" of {total / _MEGABYTE:.0f}" if total else ""
                task.update(f"{done / _MEGABYTE:.0f}{of} MB")
    except (OSError, http.client.HTTPException) as error:
        raise AttemptFailed(f"{url} was cut off after {done:,} bytes: {error or type(error).__name__}") from None
    if total is not None and done != total:
        raise AttemptFailed(f"{url} was cut off after {done:,} of {total:,} bytes")


def _unpack(archive: Path, folder: Path) -> None:
    """Take the plain files `pulumi/<name>` out of the archive, and nothing else."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                parts = Path(member.name).parts
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or len(parts) != 2 or parts[0] != "pulumi" or parts[1] in {".", ".."}:
                    continue
                with (folder / parts[1]).open("wb") as target:
                    while chunk := source.read(_CHUNK):
                        target.write(chunk)
                (folder / parts[1]).chmod(0o755)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise AttemptFailed(f"{archive.name} cannot be unpacked: {error}") from None
