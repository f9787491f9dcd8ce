"""AWS: Signature Version 4 and SageMaker's bearer tokens, with the credentials that botocore's chain finds.

In a cluster these are EKS Pod Identity's. botocore renews them ten to fifteen minutes before they expire, with a
request that blocks: so it is asked in a thread, and what it gave is used for a minute.
"""

import asyncio
import base64
import time
from functools import cache
from typing import Any

import botocore.session
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from plinth_runtime.gateway.auth.base import AuthError, Fetch, Lease, Renewed, Request
from plinth_runtime.logs import Log

FREEZE_SECONDS = 60.0
"""How long credentials are used before botocore is asked again, in seconds."""

KEEP_SECONDS = 300.0
"""How long they are used at most while botocore gives none, in seconds: below what it keeps in reserve."""

TOKEN_SECONDS = 3600
"""Life of a SageMaker token, in seconds. It ends with the credentials that signed it if these end sooner."""

TOKEN_RENEW_SECONDS = 300.0
"""Age at which a SageMaker token is made anew, in seconds: making one costs nothing, its credentials may be near
their end."""

SAGEMAKER_HOST = "sagemaker.amazonaws.com"
"""Whom a SageMaker token names, whatever the region (sagemaker-core, `token_generator`)."""

Frozen = Any
"""botocore's `ReadOnlyCredentials`; botocore has no types."""


class Credentials:
    """The pod's AWS credentials, shared by all backends that need them."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self._frozen = Renewed[Frozen]()

    async def get(self) -> Frozen:
        """Return access key, secret key and token that belong together.

        Raises:
            AuthError: There are none, or they cannot be renewed.
        """
        return await self._frozen.get(self._fetch)

    def secrets(self) -> list[str]:
        """Return the secret parts."""
        held = self._frozen.held
        return [part for part in (held.secret_key, held.token) if part] if held else []

    async def _fetch(self) -> Lease[Frozen]:
        try:
            frozen = await asyncio.to_thread(self._freeze)
        except BotoCoreError as error:
            raise AuthError(f"has no AWS credentials to be called with ({type(error).__name__})") from None
        if frozen is None:
            raise AuthError("has no AWS credentials to be called with: the pod has no identity")
        now = time.monotonic()
        return Lease(frozen, now + FREEZE_SECONDS, now + KEEP_SECONDS)

    def _freeze(self) -> Frozen:
        found = self._session.get_credentials()
        return found.get_frozen_credentials() if found else None


@cache
def shared() -> Credentials:
    """The credentials of this process."""
    return Credentials()


class SignatureV4:
    """Signs each request."""

    def __init__(self, service: str, region: str, credentials: Credentials | None = None) -> None:
        self._service, self._region = service, region
        self._credentials = credentials or shared()

    def fixed(self) -> None:
        """Nothing is the same for every request."""

    async def headers(self, request: Request, fetch: Fetch) -> dict[str, str]:
        """Return the signature and what goes with it.

        Raises:
            AuthError: There are no credentials.
        """
        frozen = await self._credentials.get()
        signed = AWSRequest(method=request.method, url=request.url, headers=request.headers, data=request.body)
        SigV4Auth(frozen, self._service, self._region).add_auth(signed)
        return {name: value for name, value in signed.headers.items() if name not in request.headers}

    def refresh(self, log: Log) -> None:
        """Nothing is read from files."""

    def secrets(self) -> list[str]:
        """Return the secret parts of the credentials."""
        return self._credentials.secrets()


class SageMakerBearer:
    """Sends a presigned request as a bearer token: SageMaker's OpenAI-compatible path takes no signature."""

    def __init__(self, region: str, credentials: Credentials | None = None) -> None:
        self._region = region
        self._credentials = credentials or shared()
        self._token = Renewed[str]()

    def fixed(self) -> None:
        """Nothing is the same for every request."""

    async def headers(self, request: Request, fetch: Fetch) -> dict[str, str]:
        """Return the token.

        Raises:
            AuthError: There are no credentials.
        """
        return {"Authorization": f"Bearer {await self._token.get(self._make)}"}

    def refresh(self, log: Log) -> None:
        """Nothing is read from files."""

    def secrets(self) -> list[str]:
        """Return the token and the secret parts of the credentials."""
        held = self._token.held
        return [*([held] if held else []), *self._credentials.secrets()]

    async def _make(self) -> Lease[str]:
        frozen = await self._credentials.get()
        now = time.monotonic()
        return Lease(
            sagemaker_token(frozen, self._region), now + TOKEN_RENEW_SECONDS, now + TOKEN_RENEW_SECONDS + KEEP_SECONDS
        )


def sagemaker_token(frozen: Frozen, region: str) -> str:
    """Make a bearer token: a presigned CallWithBearerToken request, in base64 behind a prefix."""
    request = AWSRequest(
        method="POST",
        url=f"https://{SAGEMAKER_HOST}/",
        headers={"host": SAGEMAKER_HOST},
        params={"Action": "CallWithBearerToken"},
    )
    SigV4QueryAuth(frozen, "sagemaker", region, expires=TOKEN_SECONDS).add_auth(request)
    presigned = f"{request.url.removeprefix('https://')}&Version=1"
    return "sagemaker-api-key-" + base64.b64encode(presigned.encode()).decode()
