"""Object storage: the buckets and what becomes of their objects."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name
from plinth.spec.environment import DataClass


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
