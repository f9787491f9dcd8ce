"""What a class of data means for a bucket: a plan without Pulumi."""

from dataclasses import dataclass
from typing import Literal

from plinth.spec.environment import DataClass, Environment
from plinth.spec.storage import Bucket, Storage


@dataclass(frozen=True, slots=True)
class Treatment:
    """How buckets of a class are treated where their section says nothing else."""

    key: Literal["data", "restricted"]
    """Domain of the KMS key: who may use one may not use the other."""

    recorded: bool
    """Whether the audit trail records every read and write of an object."""

    replicated: bool
    """Whether a second region gets a copy."""

    old_version_days: int
    """Days that overwritten and deleted versions are kept."""


TREATMENTS: dict[DataClass, Treatment] = {
    "public": Treatment("data", recorded=False, replicated=True, old_version_days=7),
    "internal": Treatment("data", recorded=False, replicated=True, old_version_days=30),
    "confidential": Treatment("data", recorded=True, replicated=True, old_version_days=30),
    # What may not leave its region stays there unless somebody says that it may.
    "restricted": Treatment("restricted", recorded=True, replicated=False, old_version_days=90),
}
"""By class, from least to most sensitive."""


def treatment(bucket: Bucket) -> Treatment:
    """How a bucket is treated, with what its own section says."""
    usual = TREATMENTS[bucket.data_class]
    return Treatment(
        key=usual.key,
        recorded=usual.recorded,
        replicated=usual.replicated if bucket.replicate is None else bucket.replicate,
        old_version_days=usual.old_version_days if bucket.old_version_days is None else bucket.old_version_days,
    )


def needs_restricted_key(section: Storage) -> bool:
    """Whether any bucket has a key of its own domain."""
    return any(treatment(bucket).key == "restricted" for bucket in section.buckets)


def replicated(section: Storage) -> list[str]:
    """Names of buckets that a second region gets a copy of."""
    return [bucket.name for bucket in section.buckets if treatment(bucket).replicated]


def backed_up(section: Storage, second_region: bool) -> list[str]:
    """Names of buckets that are backed up: those of sensitive data that no other region has a copy of."""
    copied = replicated(section) if second_region else []
    return [name for name in recorded(section) if name not in copied]


def recorded(section: Storage) -> list[str]:
    """Names of buckets whose objects' reads and writes are recorded in any case."""
    return [bucket.name for bucket in section.buckets if treatment(bucket).recorded]


def object_lock(bucket: Bucket, environment: Environment) -> tuple[str, int] | None:
    """Mode and days of the lock on new objects; None without one, or where the stage protects no data."""
    if bucket.lock is None or not environment.protects_data:
        return None
    return bucket.lock.mode.upper(), bucket.lock.days
