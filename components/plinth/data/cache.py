"""ElastiCache for Valkey."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.data import cache_users
from plinth.data.access import client_access
from plinth.data.cache_users import CacheUser
from plinth.network.vpc import Network
from plinth.security import documents
from plinth.security.secrets import managed_secret
from plinth.spec.cache import Cache as CacheSection
from plinth.spec.environment import Environment
from plinth.tenancy.store_access import StoreGrants
from plinth_runtime.valkey.config import CacheEndpoint, CacheIam

PORT = 6379
SNAPSHOT_DAYS = 7
"""Days that snapshots are kept where the stage protects data and the spec says nothing."""


@dataclass(frozen=True, slots=True)
class FollowsCache:
    """A cache in another region that a global datastore carries changes to."""

    global_id: pulumi.Input[str]
    """The global datastore."""


class Cache(Component):
    """A Valkey replication group: private, encrypted in transit and at rest, with a user for each workload.

    There is no default user. The platform's own workloads have a password, known to ElastiCache and Secrets Manager
    alone; tenants' pods sign in with their IAM role, and touch no keys but their own.
    """

    endpoint: pulumi.Output[str]
    """Host name of the primary."""

    reader_endpoint: pulumi.Output[str]
    """Host name of the replicas."""

    port: pulumi.Output[int]
    """TCP port (TLS)."""

    secret_arn: pulumi.Output[str]
    """Secrets Manager secret with the password of the platform's user."""

    secret_name: str
    """Its name, as an ExternalSecret refers to it."""

    user: CacheUser
    """The platform's user."""

    arn: pulumi.Output[str]
    """ARN of the replication group."""

    replication_group_id: pulumi.Output[str]
    """Name of the replication group, as metrics, tokens and a global datastore refer to it."""

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
        follows: FollowsCache | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Cache", name, section, environment=environment, opts=opts)
        self._prefix, self._section = name, section
        users = cache_users.users(environment, section.tenants)
        self.user = users[0]
        password = random.RandomPassword(
            f"{name}-token",
            length=64,
            # ElastiCache refuses most special characters, and 64 letters and digits are more than enough.
            special=False,
            opts=self.options(random.RandomPassword),
        )
        access_group = client_access(
            self,
            f"{name}-access",
            what="Valkey",
            port=PORT,
            network=network,
            client_security_group_id=client_security_group_id,
        )
        made = {user.who: self._user(user, password.result) for user in users}
        self._user_arns = {who: user.arn for who, user in made.items()}
        members = aws.elasticache.UserGroup(
            f"{name}-users",
            user_group_id=cache_users.user_id(environment, "users"),
            engine="valkey",
            user_ids=[user.user_id for user in made.values()],
            opts=self.options(aws.elasticache.UserGroup),
        )
        cache = self._replication_group(network, access_group, key_arn, members, follows)
        self.secret_name = naming.cache_token_secret(environment)
        self.secret_arn = managed_secret(
            self,
            f"{name}-token-secret",
            environment=environment,
            secret_name=self.secret_name,
            value=password.result,
            key_arn=secrets_key_arn,
            description="Password of the cache's platform user",
        )
        self.endpoint, self.reader_endpoint = cache.primary_endpoint_address, cache.reader_endpoint_address
        self.port = cache.port.apply(lambda port: port or PORT)
        self.arn, self.replication_group_id = cache.arn, cache.replication_group_id
        self.register_outputs({"endpoint": self.endpoint, "port": self.port, "secret_arn": self.secret_arn})

    def grants(self, tenant: str) -> StoreGrants:
        """What a tenant's pods need to sign in; nothing where the spec does not name the tenant."""
        if tenant not in self._section.tenants:
            return StoreGrants()
        user = next(item for item in cache_users.users(self._environment, self._section.tenants) if item.who == tenant)
        region = self._environment.region

        def endpoint(place: Sequence[object]) -> str:
            host, readers, port, cache = place
            return CacheEndpoint(
                host=str(host),
                reader_host=str(readers) if self._section.replicas else None,
                port=int(str(port)),
                user=user.id,
                login=CacheIam(cache_name=str(cache), region=region),
                key_prefix=user.key_prefix,
            ).model_dump_json(indent=2)

        sign_in = documents.allow(["elasticache:Connect"], [self.arn, self._user_arns[tenant]], sid="SignIn")
        where = (self.endpoint, self.reader_endpoint, self.port, self.replication_group_id)
        return StoreGrants(
            policies={"cache": pulumi.Output.json_dumps(documents.document(sign_in))},
            ports=(PORT,),
            endpoints={"cache.json": pulumi.Output.all(*where).apply(endpoint)},
        )

    def _user(self, user: CacheUser, password: pulumi.Output[str]) -> aws.elasticache.User:
        login: dict[str, Any] = {"type": "iam"} if user.iam else {"type": "password", "passwords": [password]}
        return aws.elasticache.User(
            f"{self._prefix}-user-{user.who}",
            user_id=user.id,
            user_name=user.id,
            engine="valkey",
            access_string=user.access,
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(**login),
            opts=self.options(aws.elasticache.User, additional_secret_outputs=["authenticationMode", "passwords"]),
        )

    def _replication_group(
        self,
        network: Network,
        group_id: pulumi.Output[str],
        key_arn: pulumi.Input[str],
        members: aws.elasticache.UserGroup,
        follows: FollowsCache | None,
    ) -> aws.elasticache.ReplicationGroup:
        name, section, replicated = self._prefix, self._section, self._section.replicas > 0
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            description="Data subnets",
            subnet_ids=network.data_subnet_ids,
            opts=self.options(aws.elasticache.SubnetGroup),
        )
        # A follower has engine, size and encryption of what it follows, and refuses to be told them.
        kind: dict[str, Any] = (
            {"global_replication_group_id": follows.global_id}
            if follows
            else {
                "engine": "valkey",
                "engine_version": section.engine_version,
                "node_type": section.node_type,
                "transit_encryption_enabled": True,
                "transit_encryption_mode": "required",
                "at_rest_encryption_enabled": True,
            }
        )
        kept = SNAPSHOT_DAYS if self._environment.protects_data else 0
        return aws.elasticache.ReplicationGroup(
            f"{name}-valkey",
            description=f"Plinth {self._environment.name}",
            num_cache_clusters=1 + section.replicas,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[group_id],
            kms_key_id=key_arn,
            user_group_ids=[members.user_group_id],
            snapshot_retention_limit=kept if section.snapshot_days is None else section.snapshot_days,
            snapshot_window="02:00-03:00",
            maintenance_window="sun:04:30-sun:05:30",
            **kind,
            opts=self.options(aws.elasticache.ReplicationGroup),
        )
