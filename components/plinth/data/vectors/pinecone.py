"""Pinecone serverless."""

import pulumi
import pulumi_kubernetes as k8s

from plinth.base import Component
from plinth.data.vectors import walls
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.security.secrets import RemoteSecret, external_secret
from plinth.spec.environment import Environment
from plinth.spec.vectors import PineconeStore as PineconeSection
from plinth_runtime.vectors.config import PineconeEndpoint

API_KEY = "api-key"
LONGEST_PREFIX = 20
"""Most characters that names of indexes start with."""


class PineconeStore(Component):
    """A project at Pinecone: its API key, brought from Secrets Manager. The Job makes the indexes through its API.

    Where data is protected, an index refuses to be deleted.
    """

    store: BuiltStore
    """The store."""

    def __init__(
        self,
        name: str,
        section: PineconeSection,
        *,
        environment: Environment,
        store: str,
        platform: VectorPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("PineconeStore", name, section, environment=environment, opts=opts)
        folder, target = f"{walls.SECRETS_DIR}/{store}", f"vectors-{store}-key"
        key = external_secret(
            f"{name}-key",
            namespace=platform.namespace,
            target=target,
            entries={API_KEY: RemoteSecret(section.api_key_secret)},
            store_name=platform.bridge.store_name,
            opts=self.options(k8s.apiextensions.CustomResource),
        )
        endpoint = PineconeEndpoint(
            kind="pinecone",
            api_key_file=f"{folder}/{API_KEY}",
            cloud=section.cloud,
            region=section.region,
            index_prefix=index_prefix(environment),
            deletion_protection=environment.protects_data,
        )
        self.store = BuiltStore(
            name=store, endpoint=pulumi.Output.from_input(endpoint), ready=[key], secrets={folder: target}
        )
        self.register_outputs({"region": section.region})


def index_prefix(environment: Environment) -> str:
    """What names of indexes start with: environments may share a project."""
    return environment.name[:LONGEST_PREFIX].rstrip("-")
