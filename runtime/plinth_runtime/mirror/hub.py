"""Reading a repository of a model hub: which files it has, and their bytes.

Source: Hugging Face Hub API (`/api/models/.../tree/REVISION`, `/REPOSITORY/resolve/REVISION/PATH`).
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from plinth_runtime.errors import StartupError

TIMEOUT_SECONDS = 30.0
"""Longest silence of the hub, at connecting and between two pieces of a file."""

ATTEMPTS = 6
"""Tries in a row that bring nothing, before giving up."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
PIECE_BYTES = 2**20
REDIRECTS = 5
PAGES = 100
LARGEST_ANSWER = 64 * 2**20
"""Bytes of a page of the list of files, or of an index of shards."""

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    path: str
    size: int
    """In bytes."""
    digest: str
    """`sha256:HEX` of a large file's bytes, `git:HEX` (the name of the blob in git) of a small one's."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand: the token must not go along to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class _Interrupted(Exception):
    """The hub answered badly, or not to the end; another try may help."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.pause = pause


class Repository:
    """One revision of a repository."""

    def __init__(self, hub: str, name: str, revision: str, token: str | None) -> None:
        self.name, self.revision = name, revision
        self._hub, self._token = hub.rstrip("/"), token
        self._opener = urllib.request.build_opener(_NoRedirect)

    def files(self) -> list[HubFile]:
        """The files at its top; those in folders are other formats of the same weights.

        Raises:
            StartupError: there is no such revision, it may not be read, or the hub does not answer.
        """
        address: str | None = f"{self._hub}/api/models/{self.name}/tree/{self.revision}"
        found: list[HubFile] = []
        for _ in range(PAGES):
            if address is None:
                return found
            body, address = self._page(address)
            found += [_file(entry) for entry in body if entry.get("type") == "file"]
        raise StartupError(f"{self.name} has more files at its top than {PAGES} pages of the hub hold")

    def content(self, file: HubFile) -> bytes:
        """A small file's bytes."""
        if file.size > LARGEST_ANSWER:
            raise StartupError(f"{file.path} of {self.name} is {file.size} bytes, above {LARGEST_ANSWER}")
        return b"".join(self.pieces(file))

    def pieces(self, file: HubFile) -> Iterator[bytes]:
        """A file's bytes, piece by piece; a connection that breaks is taken up again where it broke.

        Raises:
            StartupError: it may not be read, or several tries in a row bring nothing.
        """
        address = f"{self._hub}/{self.name}/resolve/{self.revision}/{quote(file.path)}"
        position, failures = 0, 0
        while position < file.size:
            try:
                for piece in self._from(address, position, file.size):
                    position += len(piece)
                    failures = 0
                    yield piece
            except _Interrupted as error:
                failures += 1
                if failures == ATTEMPTS:
                    raise StartupError(f"cannot read {address}: {error} ({ATTEMPTS} tries)") from None
                time.sleep(max(error.pause, _pause(failures)))

    def _from(self, address: str, position: int, size: int) -> Iterator[bytes]:
        """A file's bytes from a position on, of one connection."""
        wanted = {"Range": f"bytes={position}-"} if position else {}
        with self._open(address, wanted) as answer:
            # A server that knows no ranges begins anew.
            skip = position if position and answer.status != 206 else 0
            while position < size:
                piece = _read(answer, min(PIECE_BYTES, skip + size - position))
                if not piece:
                    raise _Interrupted(f"it ended after {position} of {size} bytes")
                fresh = piece[skip:]
                skip -= len(piece) - len(fresh)
                position += len(fresh)
                if fresh:
                    yield fresh

    def _page(self, address: str) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a list, and the address of the next."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._open(address, {}) as answer:
                    body = _read(answer, LARGEST_ANSWER)
                    return _list(body, address), _next(answer.headers.get("Link"), address)
            except _Interrupted as error:
                if attempt == ATTEMPTS:
                    raise StartupError(f"cannot read {address}: {error} ({ATTEMPTS} tries)") from None
                time.sleep(max(error.pause, _pause(attempt)))
        raise AssertionError("unreachable: the last try returns or raises")

    def _open(self, address: str, headers: dict[str, str]) -> Any:
        """An answer with a body, redirects followed."""
        for _ in range(REDIRECTS + 1):
            request = urllib.request.Request(address, headers={"User-Agent": "plinth-runtime", **headers})  # noqa: S310 - http(s) alone, see _followed
            if self._token and _origin(address) == _origin(self._hub):
                request.add_unredirected_header("Authorization", f"Bearer {self._token}")
            try:
                return self._opener.open(request, timeout=TIMEOUT_SECONDS)
            except urllib.error.HTTPError as error:
                place = error.headers.get("Location")
                status, pause = error.code, _seconds(error.headers.get("Retry-After"))
                error.close()
                if status in (301, 302, 303, 307, 308) and place:
                    address = self._followed(address, place)
                else:
                    self._refused(status, address, pause)
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from None
        raise StartupError(f"{address}: more than {REDIRECTS} redirects")

    def _followed(self, address: str, place: str) -> str:
        target = urljoin(address, place)
        allowed = ("https",) if self._hub.startswith("https:") else ("http", "https")
        if urlsplit(target).scheme not in allowed:
            raise StartupError(f"{address} redirects to {urlsplit(target).scheme}://, which is not followed")
        return target

    def _refused(self, status: int, address: str, pause: float) -> None:
        if status in (401, 403):
            hint = "the token was not accepted" if self._token else "it asks for a token (token_secret)"
            raise StartupError(
                f"{self.name} may not be read (HTTP {status}): {hint}; on the hub, the token's owner must have "
                "accepted the model's terms"
            )
        if status == 404:
            raise StartupError(f"the hub has no {urlsplit(address).path}: is the commit {self.revision} right?")
        if status in _TRY_AGAIN:
            raise _Interrupted(f"HTTP {status}", min(pause, LONGEST_PAUSE_SECONDS))
        raise StartupError(f"{address}: HTTP {status}")


def _read(answer: Any, most: int) -> bytes:
    try:
        return answer.read(most)
    except (http.client.HTTPException, OSError) as error:
        raise _Interrupted(str(error) or type(error).__name__) from None


def _list(body: bytes, address: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        raise _Interrupted("the answer is not JSON") from None
    if not isinstance(found, list):
        raise StartupError(f"{address} is not a list of files: is this address a model hub?")
    return found


def _file(entry: dict[str, Any]) -> HubFile:
    large = entry.get("lfs")
    try:
        digest = f"sha256:{large['oid']}" if large else f"git:{entry['oid']}"
        return HubFile(str(entry["path"]), int(entry["size"]), digest)
    except (KeyError, TypeError, ValueError):
        raise StartupError(f"the hub says neither size nor digest of {entry.get('path', 'a file')}") from None


def _next(link: str | None, address: str) -> str | None:
    """Address of the next page, of the header `Link`; of another host never."""
    for part in (link or "").split(","):
        target, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            following = urljoin(address, target.strip().strip("<>"))
            return following if _origin(following) == _origin(address) else None
    return None


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0


def _pause(failures: int) -> float:
    return min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
