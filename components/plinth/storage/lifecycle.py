"""What happens to a bucket's objects as they age: a plan without Pulumi."""

from dataclasses import dataclass

from plinth.spec.storage import Bucket
from plinth.storage.classes import treatment

UNFINISHED_UPLOAD_DAYS = 7
"""Days after which an upload that nobody finished is thrown away; its parts cost money and show nowhere."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Objects move to Glacier Instant Retrieval."""

    days: int


@dataclass(frozen=True, slots=True)
class Expire:
    """Objects are deleted; a version remains for as long as `CleanUp` says."""

    days: int


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Old versions and unfinished uploads go."""

    old_version_days: int
    unfinished_upload_days: int = UNFINISHED_UPLOAD_DAYS


Rule = Archive | Expire | CleanUp


def plan(bucket: Bucket) -> list[Rule]:
    """The rules of a bucket: always a clean-up, then what its section asks for."""
    rules: list[Rule] = [CleanUp(treatment(bucket).old_version_days)]
    if bucket.archive_after_days is not None:
        rules.append(Archive(bucket.archive_after_days))
    if bucket.expire_after_days is not None:
        rules.append(Expire(bucket.expire_after_days))
    return rules
