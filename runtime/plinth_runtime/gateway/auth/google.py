"""Google: access tokens of a service account, by the OAuth 2.0 JWT bearer grant.

Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications".
"""

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from plinth_runtime.errors import StartupError
from plinth_runtime.files import Watched
from plinth_runtime.gateway.auth.base import AuthError, Fetch, Lease, Renewed, Request
from plinth_runtime.gateway.wire.errors import UpstreamError
from plinth_runtime.logs import Log

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ASSERTION_SECONDS = 3600
"""Life of the signed statement, in seconds; Google accepts an hour at most."""

RENEW_SHARE = 0.8
"""Share of a token's life after which it is renewed."""

ANSWER_SECONDS = 10.0
"""Longest time for the token endpoint's answer, in seconds."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What the key file holds."""

    email: str
    key_id: str
    key: RSAPrivateKey
    token_url: str

    def assertion(self, now: float) -> str:
        """Return a signed statement of who asks, for an hour from `now` (seconds since 1970)."""
        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url,
            "iat": int(now),
            "exp": int(now) + ASSERTION_SECONDS,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


def read_account(data: bytes, file: Path) -> ServiceAccount:
    """Read a service account's key file; messages carry nothing of what it holds.

    Raises:
        StartupError: It is no such file.
    """
    try:
        fields: dict[str, Any] = json.loads(data)
        key = serialization.load_pem_private_key(fields["private_key"].encode(), None)
        account = ServiceAccount(fields["client_email"], fields["private_key_id"], _rsa(key), fields["token_uri"])
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        raise StartupError(
            f"{file}: this is not the key of a Google service account; it must be the JSON file that Google made, "
            "with client_email, private_key, private_key_id and token_uri"
        ) from None
    where = urlsplit(account.token_url)
    if where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost"):
        raise StartupError(f"{file}: token_uri must be an https address")
    return account


def _rsa(key: object) -> RSAPrivateKey:
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class GoogleToken:
    """Sends an access token as a bearer token."""

    def __init__(self, backend: str, path: str) -> None:
        """Read the key file.

        Raises:
            StartupError: It cannot be read, or is no service account's key.
        """
        self._backend = backend
        self._file = Watched(path, f"the service account of backend '{backend}'")
        self._account = read_account(self._file.read(), self._file.path)
        self._token = Renewed[str]()

    def fixed(self) -> None:
        """Tokens expire."""

    async def headers(self, request: Request, fetch: Fetch) -> dict[str, str]:
        """Return the access token.

        Raises:
            AuthError: Google gives none.
        """

        async def renew() -> Lease[str]:
            return await self._exchange(fetch)

        return {"Authorization": f"Bearer {await self._token.get(renew)}"}

    def refresh(self, log: Log) -> None:
        """Read the file again if it has changed; an unusable one is not taken."""
        if self._file.changed():
            try:
                self._account = read_account(self._file.read(), self._file.path)
            except StartupError as error:
                log.warning("credential_refused", backend=self._backend, reason=str(error))
            else:
                self._token.drop()
                log.info("credential_loaded", backend=self._backend)

    def secrets(self) -> list[str]:
        """Return the access token."""
        return [self._token.held] if self._token.held else []

    async def _exchange(self, fetch: Fetch) -> Lease[str]:
        """Exchange a signed statement for an access token."""
        account, began = self._account, time.monotonic()
        form = urlencode({"grant_type": GRANT, "assertion": account.assertion(time.time())}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, body = await fetch("POST", account.token_url, kind, form)
        except UpstreamError as error:
            raise AuthError(f"has no access token: Google cannot be asked for one (it {error.detail})") from None
        except TimeoutError:
            words = f"it gave no answer within {ANSWER_SECONDS:g} seconds"
            raise AuthError(f"has no access token: Google cannot be asked for one ({words})") from None
        try:
            fields: dict[str, Any] = json.loads(body)
            if status != 200:
                raise AuthError(f"has no access token: Google refuses one ({status} {_word(fields)})")
            token, seconds = str(fields["access_token"]), float(fields["expires_in"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise AuthError(f"has no access token: Google's answer ({status}) is not understood") from None
        return Lease(token, began + seconds * RENEW_SHARE, began + seconds)


def _word(fields: dict[str, Any]) -> str:
    """OAuth's word for the error, which repeats nothing of the request."""
    word = str(fields.get("error", ""))
    return word if word.replace("_", "").isalpha() else "without a reason"
