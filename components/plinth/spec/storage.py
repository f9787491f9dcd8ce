"""Object storage: the buckets and what becomes of their objects."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.environment import DataClass


class ObjectLock(Model):
    """Objects that nobody overwrites or deletes before their time, in staging and production."""

    mode: Literal["governance", "compliance"] = "governance"
    """governance: a role with a permission of its own may delete them; compliance: nobody can, AWS included."""

    days: Annotated[int, Field(ge=1, le=36_500)]
    """Days that each version is held from when it was written."""


class Bucket(Model):
    """One S3 bucket: private, versioned, encrypted, TLS only. Its data class decides key, records and replication."""

    name: Name
    """What the bucket is for, for example `models`; the physical name is generated."""

    data_class: DataClass = "internal"
    """How sensitive its objects are; becomes the tag `data-class`. From `confidential` on, the audit trail records each
    read and write; `restricted` has a KMS key apart from all other data, and stays in its region."""

    archive_after_days: Annotated[int, Field(ge=30)] | None = None
    """Days after which objects move to Glacier Instant Retrieval. Empty: never."""

    expire_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which objects are deleted. Empty: never."""

    old_version_days: Annotated[int, Field(ge=1)] | None = None
    """Days that overwritten and deleted versions are kept. Empty: 7 for public data, 90 for restricted, else 30."""

    replicate: bool | None = None
    """Whether a second region gets a copy. Empty: yes, unless the data is restricted."""

    lock: ObjectLock | None = None
    """Holds objects against everybody, for example audit records. Absent: none."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.archive_after_days and self.expire_after_days and self.archive_after_days >= self.expire_after_days:
            raise ValueError(
                f"archive_after_days {self.archive_after_days} must be below expire_after_days {self.expire_after_days}"
            )
        if self.lock and self.expire_after_days and self.expire_after_days < self.lock.days:
            raise ValueError(
                f"expire_after_days {self.expire_after_days} is below lock.days {self.lock.days}: nothing goes earlier"
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

    organization_id: (
        Annotated[str, matches(r"^o-[a-z0-9]{10,32}$", "the id of an AWS Organization, for example o-a1b2c3d4e5")]
        | None
    ) = None
    """AWS Organization. With it buckets refuse every principal of another, whatever its own policies say."""
