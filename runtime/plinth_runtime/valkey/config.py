"""Where the cache is and how to sign in to it: the types that components render and clients read.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CachePassword(_Model):
    """A password that is read again for every connection, so that it may rotate."""

    kind: Literal["password"] = "password"
    """How to sign in."""

    password_file: Annotated[str, Field(pattern=r"^/")]
    """File with the password."""


class CacheIam(_Model):
    """A token instead of a password, signed with the pod's own IAM role and good for 15 minutes.

    It opens a connection, which the server ends after 12 hours unless the client signs in on it again.
    """

    kind: Literal["iam"] = "iam"
    """How to sign in."""

    cache_name: Annotated[str, Field(min_length=1, max_length=40)]
    """Name of the replication group, which the token names."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """AWS region of the cache."""


class CacheEndpoint(_Model):
    """A cache that speaks Valkey's protocol over TLS."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """Host name of the primary."""

    reader_host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Host name of the replicas. Absent: there are none."""

    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    """TCP port."""

    user: Annotated[str, Field(min_length=1, max_length=40)]
    """User to sign in as."""

    login: Annotated[CachePassword | CacheIam, Field(discriminator="kind")]
    """How to sign in."""

    key_prefix: Annotated[str, Field(max_length=64)] = ""
    """Start of every key and channel; the server refuses others."""

    ca_file: str | None = None
    """Certificate authorities (PEM). Absent: those of the system, which know Amazon's."""
