"""ElastiCache for Valkey."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.data.access import client_access
from plinth.network.vpc import Network
from plinth.security.secrets import managed_secret
from plinth.spec.data import Cache as CacheSection
from plinth.spec.environment import Environment

PORT = 6379


class Cache(Component):
    """A Valkey replication group: private, encrypted in transit and at rest, with an access token.

    The token is known to ElastiCache and Secrets Manager alone; clients mount it from there.
    """

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
        self._prefix, self._section = name, section
        token = random.RandomPassword(
            f"{name}-token",
            length=64,
            # ElastiCache refuses most special characters, and 64 letters and digits are more than enough.
            special=False,
            opts=self.options(random.RandomPassword),
        )
        group_id = client_access(
            self,
            f"{name}-access",
            what="Valkey",
            port=PORT,
            network=network,
            client_security_group_id=client_security_group_id,
        )
        cache = self._replication_group(network, group_id, key_arn, token.result)
        self.secret_name = naming.cache_token_secret(environment)
        self.secret_arn = managed_secret(
            self,
            f"{name}-token-secret",
            environment=environment,
            secret_name=self.secret_name,
            value=token.result,
            key_arn=secrets_key_arn,
            description="Access token of the cache",
        )
        self.endpoint = cache.primary_endpoint_address
        self.port = cache.port.apply(lambda port: port or PORT)
        self.register_outputs({"endpoint": self.endpoint, "port": self.port, "secret_arn": self.secret_arn})

    def _replication_group(
        self,
        network: Network,
        group_id: pulumi.Output[str],
        key_arn: pulumi.Input[str],
        token: pulumi.Output[str],
    ) -> aws.elasticache.ReplicationGroup:
        name, section, replicated = self._prefix, self._section, self._section.replicas > 0
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            description="Data subnets",
            subnet_ids=network.data_subnet_ids,
            opts=self.options(aws.elasticache.SubnetGroup),
        )
        return aws.elasticache.ReplicationGroup(
            f"{name}-valkey",
            description=f"Plinth {self._environment.name}",
            engine="valkey",
            engine_version=section.engine_version,
            node_type=section.node_type,
            num_cache_clusters=1 + section.replicas,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[group_id],
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=key_arn,
            auth_token=token,
            snapshot_retention_limit=7 if self._environment.protects_data else 0,
            opts=self.options(aws.elasticache.ReplicationGroup, additional_secret_outputs=["authToken"]),
        )
