"""Where data rests: buckets, PostgreSQL and the cache. Vector stores are in `plinth.spec.vectors`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.environment import DataClass
from plinth.spec.vectors import PgVectorStore, SqlName, VectorCollection, VectorStore

__all__ = [
    "Bucket",
    "Cache",
    "PgVectorStore",
    "Postgres",
    "SqlName",
    "Storage",
    "VectorCollection",
    "VectorStore",
]


class Bucket(Model):
    """One S3 bucket: private, versioned, encrypted with the platform's key, TLS only."""

    name: Name
    """What the bucket is for, for example `models`; the physical name is generated."""

    data_class: DataClass = "internal"
    """How sensitive its objects are; becomes the tag `data-class`."""

    archive_after_days: Annotated[int, Field(ge=30)] | None = None
    """Days after which objects move to Glacier Instant Retrieval. Empty: never."""

    expire_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which objects are deleted. Empty: never."""

    old_version_days: Annotated[int, Field(ge=1)] = 30
    """Days that overwritten and deleted versions are kept."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.archive_after_days and self.expire_after_days and self.archive_after_days >= self.expire_after_days:
            raise ValueError(
                f"archive_after_days {self.archive_after_days} must be below expire_after_days {self.expire_after_days}"
            )
        return self


class Storage(Model):
    """Object storage."""

    buckets: Annotated[list[Bucket], Field(min_length=1)] = [
        Bucket(name="models"),
        Bucket(name="artifacts"),
        Bucket(name="logs", expire_after_days=90),
    ]
    """The platform's buckets. `models` holds the weights that model servers load."""


class Postgres(Model):
    """Aurora PostgreSQL Serverless v2: encrypted, IAM authentication, password managed by RDS."""

    engine_version: Literal["16.9", "17.5"] = "17.5"
    """Aurora PostgreSQL engine version."""

    min_acu: Annotated[float, Field(ge=0, le=256, multiple_of=0.5)] = 0.5
    """Least capacity in Aurora capacity units (about 2 GiB of memory each); 0 pauses when idle."""

    max_acu: Annotated[float, Field(ge=1, le=256, multiple_of=0.5)] = 4
    """Most capacity in Aurora capacity units."""

    readers: Annotated[int, Field(ge=0, le=15)] = 0
    """Read replicas; one or more let the database survive the loss of a zone quickly."""

    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    """Days of point-in-time recovery."""

    @model_validator(mode="after")
    def _capacity(self) -> Self:
        if self.min_acu > self.max_acu:
            raise ValueError(f"min_acu {self.min_acu:g} is above max_acu {self.max_acu:g}")
        return self


NodeType = Annotated[
    str, matches(r"^cache\.[a-z0-9]+\.[a-z0-9]+$", "an ElastiCache node type, for example cache.t4g.small")
]


class Cache(Model):
    """ElastiCache for Valkey: encrypted in transit and at rest, with an access token."""

    node_type: NodeType = "cache.t4g.small"
    """ElastiCache node type."""

    replicas: Annotated[int, Field(ge=0, le=5)] = 1
    """Replicas beside the primary; one or more fail over automatically."""

    engine_version: Literal["8.0", "8.1", "8.2"] = "8.2"
    """Valkey version."""
