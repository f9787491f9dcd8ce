"""The vector store."""

from dataclasses import dataclass

import pulumi

from plinth.base import Component
from plinth.data.postgres import Postgres
from plinth.security.secrets import SecretsBridge
from plinth.spec.data import VectorStore as VectorStoreSection
from plinth.spec.environment import Environment


@dataclass(frozen=True)
class VectorEndpoint:
    """Where vectors are, whatever engine keeps them."""

    kind: str
    """Engine, for example `pgvector`."""

    host: pulumi.Output[str]
    """Host name."""

    port: pulumi.Output[int]
    """TCP port."""

    database: str
    """Database."""

    secret_arn: pulumi.Output[str]
    """Secrets Manager secret with username and password."""

    collections: list[str]
    """Collections that exist."""


class VectorStore(Component):
    """Collections of vectors in the platform's PostgreSQL, kept in shape by a Job."""

    endpoint: VectorEndpoint
    """Where the vectors are."""

    def __init__(
        self,
        name: str,
        section: VectorStoreSection,
        *,
        environment: Environment,
        postgres: Postgres,
        namespace: pulumi.Input[str],
        bridge: SecretsBridge,
        runtime_image: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorStore", name, section, environment=environment, opts=opts)
