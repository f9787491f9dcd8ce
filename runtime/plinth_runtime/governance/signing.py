"""Signatures of receipts: Ed25519 by a key in a file, ECDSA on P-256 by AWS KMS. And the JSON that is signed."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.governance.blobs import aws_client
from plinth_runtime.governance.config import KmsKey, LocalKey

Algorithm = Literal["ed25519", "ecdsa-p256-sha256"]


class Signer(Protocol):
    """Whoever signs. Both methods raise StartupError when the key cannot be used."""

    algorithm: Algorithm

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, which is short: KMS takes 4,096 bytes at most."""
        ...

    def public_key(self) -> bytes:
        """The public key (PEM)."""
        ...


def signer(wanted: LocalKey | KmsKey) -> Signer:
    """The signer that the configuration names."""
    return KeyFile(wanted) if isinstance(wanted, LocalKey) else Kms(wanted)


def canonical(value: Any) -> bytes:
    """JSON in the one way that everybody writes it: sorted names, no blanks, UTF-8.

    Receipts have only texts, whole numbers, booleans, lists and objects, for which this is RFC 8785.

    Raises:
        ValueError: the value has a number that is not whole; it could be written in several ways.
    """
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("a receipt has whole numbers only")
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(value: Any) -> bytes:
    """What is signed of a document, however long it is: the SHA-256 of its canonical JSON, 32 bytes."""
    return hashlib.sha256(canonical(value)).digest()


def verified(algorithm: str, public_key: bytes, data: bytes, signature: str) -> bool:
    """Whether the signature (base64) of `data` is of the key (PEM).

    Raises:
        StartupError: the key cannot be read.
    """
    try:
        key = serialization.load_pem_public_key(public_key)
    except ValueError as error:
        raise StartupError(f"the public key cannot be read: {error}") from None
    try:
        raw = base64.b64decode(signature, validate=True)
        if algorithm == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(raw, data)
        elif algorithm == "ecdsa-p256-sha256" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


class KeyFile:
    """An Ed25519 key in a file."""

    algorithm: Algorithm = "ed25519"

    def __init__(self, wanted: LocalKey) -> None:
        path = resolve(wanted.path)
        if not path.exists():
            _new_key(path)
        try:
            key = serialization.load_pem_private_key(read(path, "the signing key"), password=None)
        except ValueError:
            raise StartupError(f"{path} is no private key (PEM)") from None
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise StartupError(f"{path} is no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`")
        self._key = key

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        return self._key.sign(data)

    def public_key(self) -> bytes:
        """The public key (PEM)."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _new_key(path: Path) -> None:
    made = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
    except FileExistsError:
        return  # another process was first
    except OSError as error:
        raise StartupError(f"cannot make the signing key {path}: {error.strerror or error}") from None


class Kms:
    """A key in AWS KMS."""

    algorithm: Algorithm = "ecdsa-p256-sha256"

    def __init__(self, wanted: KmsKey) -> None:
        self._key_id, self._client = wanted.key_id, aws_client("kms")

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        answer = self._call("sign", Message=data, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
        return bytes(answer["Signature"])

    def public_key(self) -> bytes:
        """The public key (PEM)."""
        key = serialization.load_der_public_key(self._call("get_public_key")["PublicKey"])
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def _call(self, method: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(KeyId=self._key_id, **arguments)
        except (BotoCoreError, ClientError) as error:
            raise StartupError(f"KMS key {self._key_id} cannot be used: {error}") from None
