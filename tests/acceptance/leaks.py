"""Looks for secrets where none may be: on disk and in what was printed, in every usual spelling."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acceptance.observe import Cloud

SHORTEST = 12
"""Characters below which a value would be found by chance."""


def spellings(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, escaped, quoted, and in base64 at each of three alignments."""
    escaped = json.dumps(secret)[1:-1]
    found = {secret, escaped, json.dumps(escaped)[1:-1], quote(secret, safe=""), secret.replace("\n", "\n    ")}
    raw = secret.encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        # What depends on the neighbors, at both ends, is left out.
        found.add(whole[(shift * 8 + 5) // 6 + (shift > 0) : len(whole) - 4].decode())
    return {text.encode() for text in found}


def in_bytes(content: bytes, secrets: Mapping[str, str]) -> list[str]:
    """Names of the secrets that some bytes hold."""
    return [name for name, secret in secrets.items() if any(text in content for text in spellings(secret))]


def in_text(texts: Iterable[str], secrets: Mapping[str, str]) -> list[str]:
    """Names of the secrets that were printed."""
    return in_bytes("\n".join(texts).encode(), secrets)


def on_disk(folders: Iterable[Path], secrets: Mapping[str, str], allowed: Iterable[Path] = ()) -> list[str]:
    """`<file>: <name of secret>` for each that files hold, outside of what is allowed to."""
    exempt = list(allowed)
    found: list[str] = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        if not path.is_file() or path.is_symlink() or any(path.is_relative_to(folder) for folder in exempt):
            continue
        found += [f"{path}: {name}" for name in in_bytes(path.read_bytes(), secrets)]
    return found


def in_cloud(cloud: Cloud) -> dict[str, str]:
    """The secret strings of the stand-in Secrets Manager: all but hashes and routes, which are no secrets."""
    found: dict[str, str] = {}
    for name, value in cloud.secrets().items():
        if name.endswith("/gateway/keys") or "/routes/" in name:
            continue
        try:
            document: Any = json.loads(value)
        except ValueError:
            document = value
        found |= {f"{name} {number}": text for number, text in enumerate(_strings(document)) if len(text) >= SHORTEST}
    return found


def _strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for key, value in document.items():
            if key not in ("username", "host", "engine"):
                yield from _strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _strings(value)
