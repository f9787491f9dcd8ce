"""Where data rests."""

from dataclasses import dataclass

import pulumi

from plinth import addresses, naming, providers
from plinth.data import databases
from plinth.data.cache import Cache, FollowsCache
from plinth.data.databases import Databases
from plinth.data.graph import KnowledgeGraph
from plinth.data.postgres import Follows, Leads, Postgres
from plinth.data.streams import Streams
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.layers.vectors import Vectors, vectors
from plinth.providers import Providers
from plinth.snowflake.account import SnowflakeAccount
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec import PlatformSpec
from plinth.tenancy.store_access import StoreGrants


@dataclass(frozen=True)
class Data:
    """Where data rests."""

    postgres: Postgres
    cache: Cache
    streams: Streams | None
    graph: KnowledgeGraph | None
    vectors: Vectors
    snowflake: SnowflakeAccount | None


def data(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    snowflake_key: pulumi.Input[str] | None,
    postgres_part: Leads | Follows | None = None,
    cache_follows: FollowsCache | None = None,
) -> Data:
    """PostgreSQL, the cache, the vector stores and Snowflake.

    Args:
        spec: the environment.
        below: the foundation.
        on: the cluster.
        snowflake_key: how Snowflake is signed in to.
        postgres_part: what PostgreSQL is to that of another region, where a global database joins the two.
        cache_follows: what the cache follows; None: it stands alone.
    """
    environment, given = spec.environment, on.given
    postgres = Postgres(
        "postgres",
        spec.postgres,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        part=postgres_part,
        opts=given.options(),
    )
    if spec.postgres.databases and postgres.leads:
        Databases(
            "databases",
            spec.postgres.databases,
            environment=environment,
            postgres=postgres,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            bridge=on.bridge,
            runtime_image=spec.gateway.image,
            databases_cidr=spec.network.node_cidr,
            opts=on.for_workloads(),
        )
    cache = Cache(
        "cache",
        spec.cache,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        follows=cache_follows,
        opts=given.options(),
    )
    copies = postgres_part.copies if isinstance(postgres_part, Leads) else None
    return Data(
        postgres,
        cache,
        _streams(spec, below, given),
        _graph(spec, below, on),
        vectors(spec, below, on, postgres, copies),
        _snowflake(spec, below, on, snowflake_key),
    )


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


def grants(spec: PlatformSpec, stores: Data) -> dict[str, StoreGrants]:
    """What each tenant's pods may do in the stores beside buckets, by the tenant's name."""
    region, owned = spec.environment.region, spec.postgres.databases
    found: dict[str, StoreGrants] = {}
    for tenant in spec.tenants:
        granted = databases.grants(owned, tenant.name, stores.postgres, region)
        granted = granted.merged(stores.cache.grants(tenant.name))
        for store in (stores.streams, stores.graph):
            granted = granted.merged(store.grants(tenant.name)) if store else granted
        found[tenant.name] = granted
    return found


def _streams(spec: PlatformSpec, below: Foundation, given: Providers) -> Streams | None:
    """Buses of events; None where the spec has none."""
    if not spec.streams:
        return None
    return Streams(
        "streams",
        spec.streams,
        environment=spec.environment,
        key_arn=below.keys.arn["data"],
        aws_endpoint=addresses.aws_endpoint(spec),
        opts=given.options(),
    )


def _graph(spec: PlatformSpec, below: Foundation, on: ClusterLayer) -> KnowledgeGraph | None:
    """The knowledge graph; None where the spec has none."""
    if not spec.graph:
        return None
    return KnowledgeGraph(
        "graph",
        spec.graph,
        environment=spec.environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        client_security_group_id=on.cluster.security_group_id,
        opts=on.given.options(),
    )
