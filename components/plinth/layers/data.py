"""Where data rests."""

from dataclasses import dataclass

import pulumi

from plinth import naming, providers
from plinth.data.cache import Cache
from plinth.data.postgres import Postgres
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.layers.vectors import Vectors, vectors
from plinth.snowflake.account import SnowflakeAccount
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec import PlatformSpec


@dataclass(frozen=True)
class Data:
    """Where data rests."""

    postgres: Postgres
    cache: Cache
    vectors: Vectors
    snowflake: SnowflakeAccount | None


def data(spec: PlatformSpec, below: Foundation, on: ClusterLayer, snowflake_key: pulumi.Input[str] | None) -> Data:
    """PostgreSQL, the cache, the vector stores and Snowflake."""
    environment, given = spec.environment, on.given
    postgres = Postgres(
        "postgres",
        spec.postgres,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        opts=given.options(),
    )
    cache = Cache(
        "cache",
        spec.cache,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        opts=given.options(),
    )
    stores = vectors(spec, below, on, postgres)
    return Data(postgres, cache, stores, _snowflake(spec, below, on, snowflake_key))


def _snowflake(
    spec: PlatformSpec, below: Foundation, on: ClusterLayer, key: pulumi.Input[str] | None
) -> SnowflakeAccount | None:
    if spec.snowflake is None:
        return None
    platform = SnowflakePlatform(
        network=below.network,
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        runtime_image=spec.gateway.image,
        secrets_key_arn=below.keys.arn["secrets"],
        data_key_arn=below.keys.arn["data"],
        bucket_names=below.storage.names,
        bucket_arns=below.storage.arns,
        tenants=[tenant.name for tenant in spec.tenants],
        oncall_email=spec.monitoring.oncall_email,
    )
    return SnowflakeAccount(
        "snowflake",
        spec.snowflake,
        environment=spec.environment,
        platform=platform,
        opts=on.given.options(providers.snowflake_provider(spec.snowflake, key), depends_on=list(on.general.values())),
    )
