"""The cache: ElastiCache for Valkey."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, Name, matches

NodeType = Annotated[
    str, matches(r"^cache\.[a-z0-9]+\.[a-z0-9]+$", "an ElastiCache node type, for example cache.t4g.small")
]

GLOBAL_FAMILIES = ("c7gn", "m5", "m6g", "m7g", "r5", "r6g", "r6gd", "r7g")
"""Families of node types that a global datastore can have.

Source: Amazon ElastiCache user guide, "Replication across AWS Regions using global datastores"; as of 2026-11-01.
"""


class Cache(Model):
    """ElastiCache for Valkey: encrypted in transit and at rest, with a user for each workload and no default one."""

    node_type: NodeType = "cache.t4g.small"
    """ElastiCache node type."""

    replicas: Annotated[int, Field(ge=0, le=5)] = 1
    """Replicas beside the primary; one or more fail over automatically to another zone."""

    engine_version: Literal["8.0", "8.1", "8.2"] = "8.2"
    """Valkey version."""

    tenants: list[Name] = []
    """Tenants whose pods may use the cache, with keys of their own, signing in with their IAM role."""

    snapshot_days: Annotated[int, Field(ge=0, le=35)] | None = None
    """Days that daily snapshots are kept; 0: none are made. Empty: 7 where the stage protects data, else none."""
