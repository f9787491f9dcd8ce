"""Which keys are rotated, and how often: what the platform program renders and the Job reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from plinth_runtime.warehouse.config import AccountIdentifier, HostName, Identifier


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RotatedUser(_Model):
    """A service user whose key pair is rotated."""

    user: Identifier
    """Service user."""

    stored_as: Annotated[str, Field(min_length=1, max_length=2048)]
    """Name or ARN of the secret in Secrets Manager that holds its private key."""

    rotate_days: Annotated[int, Field(ge=1, le=365)] = 90
    """Days after which a key is replaced."""


class KeyRotation(_Model):
    """Where the account is, who rotates, and whose keys."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    account: AccountIdentifier
    """Account, as `ORGANIZATION-ACCOUNT`."""

    host: HostName | None = None
    """Name of the server where it is not the account's usual one, for example with PrivateLink."""

    user: Identifier
    """Service user that may change the others' keys. It signs in with the pod's IAM role, so it has no key itself."""

    role: Identifier
    """Role of that user."""

    overlap_hours: Annotated[int, Field(ge=2, le=24 * 14)] = 24
    """Hours that the key before goes on working, so that everybody has fetched the new one."""

    connect_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    """Longest time to sign in, and for one statement."""

    users: Annotated[list[RotatedUser], Field(min_length=1)]
    """Whose keys are rotated."""
