"""How the gateway proves to backends who it is: one module per kind of proof."""

from plinth_runtime.config import (
    AwsSignature,
    Backend,
    BearerKey,
    GoogleServiceAccount,
    HeaderKey,
    SageMakerToken,
    SnowflakeToken,
)
from plinth_runtime.gateway.auth.base import Authenticator, AuthError, Fetch, Request
from plinth_runtime.gateway.auth.keys import KeyInHeader

__all__ = ["AuthError", "Authenticator", "Fetch", "Request", "authenticator"]

TOKEN_TYPE_HEADER = "X-Snowflake-Authorization-Token-Type"  # noqa: S105 - a header's name
"""Snowflake REST APIs, "Authenticating Snowflake REST APIs with Snowflake"."""


def authenticator(backend: Backend) -> Authenticator | None:
    """Return what authenticates requests to a backend; None where nothing does.

    Raises:
        StartupError: A file that it needs cannot be used, or no AWS credentials are found.
    """
    match backend.auth:
        case None:
            return None
        case BearerKey():
            return KeyInHeader(backend.name, backend.auth.key_file)
        case HeaderKey():
            return KeyInHeader(backend.name, backend.auth.key_file, header=backend.auth.header, prefix="")
        case SnowflakeToken():
            kind = {TOKEN_TYPE_HEADER: backend.auth.token_type}
            return KeyInHeader(backend.name, backend.auth.token_file, more=kind)
        case GoogleServiceAccount():
            # Imported here: a gateway without such a backend needs neither the packages nor their start time.
            from plinth_runtime.gateway.auth.google import GoogleToken

            return GoogleToken(backend.name, backend.auth.key_file)
        case AwsSignature() | SageMakerToken():
            from plinth_runtime.gateway.auth import aws

            if isinstance(backend.auth, SageMakerToken):
                return aws.SageMakerBearer(backend.auth.region)
            return aws.SignatureV4(backend.auth.service, backend.auth.region)
