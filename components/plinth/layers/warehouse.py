"""The way into Snowflake, for the tenants and the platform's own workloads that have a service user."""

import pulumi

from plinth import naming
from plinth.layers.cluster import ClusterLayer
from plinth.layers.data import Data
from plinth.layers.gateway import Access
from plinth.snowflake.access import WarehouseAccess
from plinth.spec import PlatformSpec
from plinth.tenancy.secrets import store_name


def warehouse(spec: PlatformSpec, on: ClusterLayer, stores: Data, access: Access) -> dict[str, WarehouseAccess]:
    """One for each service user, by its name, once its key is there."""
    if spec.snowflake is None or stores.snowflake is None or stores.snowflake.keys_ready is None:
        return {}
    ready: list[pulumi.Resource] = [stores.snowflake.keys_ready]
    made: dict[str, WarehouseAccess] = {}
    for user in spec.snowflake.users:
        tenant = access.tenants[user.tenant] if user.tenant else None
        made[user.name] = WarehouseAccess(
            f"warehouse-{user.name.lower().replace('_', '-')}",
            spec.snowflake,
            user,
            environment=spec.environment,
            namespace=tenant.namespace if tenant else on.base.namespaces[naming.SYSTEM_NAMESPACE],
            store_name=store_name(user.tenant) if user.tenant else on.bridge.store_name,
            endpoints_cidr=spec.network.node_cidr,
            opts=on.given.options(depends_on=[*ready, *([tenant] if tenant else [])]),
        )
    return made
