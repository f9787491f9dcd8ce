"""Key pairs as Snowflake wants them, and as the secret keeps them."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plinth_runtime.warehouse_keys.plan import Stored

BITS = 3072
"""Length of the keys. Snowflake wants 2,048 at least; NIST SP 800-57 gives 3,072 until after 2030."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A new key pair."""

    private_pem: str
    """PEM, PKCS 8."""
    public_text: str
    """What goes into the slot: the public key's DER in base 64, without header and line breaks."""
    fingerprint: str
    """As `DESCRIBE USER` gives it."""

    def __repr__(self) -> str:
        return f"Pair({self.fingerprint})"


def make() -> Pair:
    """A new pair."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(public).digest()).decode()
    return Pair(private.decode(), base64.b64encode(public).decode(), f"SHA256:{digest}")


def to_secret(pair: Pair, user: str, now: datetime) -> str:
    """The secret's JSON: consumers read `private_key`."""
    return json.dumps(
        {
            "user": user,
            "private_key": pair.private_pem,
            "fingerprint": pair.fingerprint,
            "made_at": now.isoformat(timespec="seconds"),
        }
    )


def from_secret(text: str) -> Stored | None:
    """What the secret holds; None when it is nothing that this module wrote."""
    try:
        document: Any = json.loads(text)
        made_at = datetime.fromisoformat(str(document["made_at"]))
        return Stored(str(document["fingerprint"]), made_at) if made_at.tzinfo and document["private_key"] else None
    except (ValueError, KeyError, TypeError):
        return None
