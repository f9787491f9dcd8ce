"""ElastiCache for Valkey."""

import pulumi

from plinth.base import Component
from plinth.network.vpc import Network
from plinth.spec.data import Cache as CacheSection
from plinth.spec.environment import Environment


class Cache(Component):
    """A Valkey replication group: private, encrypted in transit and at rest, with an access token."""

    endpoint: pulumi.Output[str]
    """Host name of the primary."""

    port: pulumi.Output[int]
    """TCP port (TLS)."""

    secret_arn: pulumi.Output[str]
    """Secrets Manager secret with the access token."""

    secret_name: str
    """Its name, as an ExternalSecret refers to it."""

    def __init__(
        self,
        name: str,
        section: CacheSection,
        *,
        environment: Environment,
        network: Network,
        key_arn: pulumi.Input[str],
        secrets_key_arn: pulumi.Input[str],
        client_security_group_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Cache", name, section, environment=environment, opts=opts)
