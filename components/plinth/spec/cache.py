"""The cache: ElastiCache for Valkey."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, matches

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
