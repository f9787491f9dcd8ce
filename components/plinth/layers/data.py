"""Where data rests."""

from dataclasses import dataclass

import pulumi

from plinth import providers
from plinth.data.cache import Cache
from plinth.data.postgres import Postgres
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.layers.vectors import Vectors, vectors
from plinth.snowflake.account import SnowflakeAccount
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
    account = None
    if spec.snowflake:
        provider = providers.snowflake_provider(spec.snowflake, snowflake_key)
        account = SnowflakeAccount(
            "snowflake",
            spec.snowflake,
            environment=environment,
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
    return Data(postgres, cache, stores, account)
