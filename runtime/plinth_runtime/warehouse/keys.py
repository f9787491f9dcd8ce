"""The private keys that sign in, read again when their files change, so that a rotation needs no restart."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from plinth_runtime.errors import StartupError
from plinth_runtime.files import Watched
from plinth_runtime.warehouse.config import PrivateKey
from plinth_runtime.warehouse.errors import WrongCredentialError

TOKEN_SECONDS = 55 * 60
"""Snowflake takes tokens of up to an hour. Source: Snowflake documentation, "Key-pair authentication"."""


def fingerprint(key: RSAPrivateKey) -> str:
    """Name of a key's public half, as `DESCRIBE USER` shows it."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode()


def token(key: RSAPrivateKey, account: str, user: str, *, seconds: int = TOKEN_SECONDS) -> str:
    """Make a key-pair JWT, which the REST API takes as a bearer token."""
    subject, now = f"{account.upper()}.{user.upper()}", int(time.time())
    claims: dict[str, object] = {
        "iss": f"{subject}.{fingerprint(key)}",
        "sub": subject,
        "iat": now,
        "exp": now + seconds,
    }
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _part(content: dict[str, object]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class _Entry:
    """One key with its files."""

    file: Watched
    passphrase: Watched | None
    key: RSAPrivateKey | None = None
    problem: str = ""


class KeyRing:
    """The keys in the order in which they are tried; the one that worked last comes first."""

    def __init__(self, keys: Sequence[PrivateKey]) -> None:
        self._entries = [
            _Entry(
                Watched(key.file, "the private key"),
                Watched(key.passphrase_file, "the passphrase") if key.passphrase_file else None,
            )
            for key in keys
        ]

    def each(self) -> Iterator[RSAPrivateKey]:
        """Give every key that can be read, the best first.

        Raises:
            WrongCredentialError: none can be read.
        """
        found = False
        for entry in list(self._entries):
            if (key := _load(entry)) is not None:
                found = True
                yield key
        if not found:
            raise WrongCredentialError(
                f"no private key can be read: {'; '.join(entry.problem for entry in self._entries)}"
            )

    def worked(self, key: RSAPrivateKey) -> None:
        """Remember which key signed in, to start with it the next time."""
        self._entries.sort(key=lambda entry: entry.key is not key)

    def describe(self) -> str:
        """Name the files, for messages."""
        return ", ".join(str(entry.file.path) for entry in self._entries)


def _load(entry: _Entry) -> RSAPrivateKey | None:
    changed = entry.file.changed() or (entry.passphrase is not None and entry.passphrase.changed())
    if entry.key is not None and not changed:
        return entry.key
    try:
        passphrase = entry.passphrase.read().strip() if entry.passphrase else None
        loaded = load_pem_private_key(entry.file.read(), passphrase or None)
        if not isinstance(loaded, RSAPrivateKey):
            raise TypeError("it is not an RSA key")
    except StartupError as error:
        entry.key, entry.problem = None, str(error)
    except (ValueError, TypeError):
        # What the library says may quote the file.
        entry.key = None
        entry.problem = f"{entry.file.path} is not an RSA key in PEM that its passphrase file opens"
    else:
        entry.key, entry.problem = loaded, ""
    return entry.key
