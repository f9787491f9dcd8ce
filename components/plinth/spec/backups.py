"""Backups: how long they are kept, how hard they are to delete, and how often one is restored as a test."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model


class Backups(Model):
    """AWS Backup, in staging and production: of PostgreSQL, and of buckets that no other region has a copy of."""

    keep_days: Annotated[int, Field(ge=7, le=3650)] = 35
    """Days that backups are kept, in every region that has them."""

    restore_test_days: Annotated[int, Field(ge=1, le=31)] = 7
    """Every how many days AWS Backup restores the newest backup to show that it can."""

    lock: Literal["governance", "compliance"] = "governance"
    """How vaults hold backups. governance: an administrator can lift it; compliance: after three days nobody can, AWS
    included, so that neither vault nor backups go before their time."""
