"""The stack outputs of the platform: the contract for team stacks, and what a person wants to know."""

from typing import Any

import pulumi

from plinth import addresses, catalogue, contract, naming
from plinth.batch import plan as batch_plan
from plinth.data import databases, streams_plan
from plinth.data.vector_logins import role_name
from plinth.layers import Access, ClusterLayer, Data, Foundation
from plinth.layers.vectors import Vectors
from plinth.spec import PlatformSpec, vectors
from plinth.spec.capacity import per_gpu
from plinth.spec.tenants import Tenant
from plinth.tenancy import store_access, tenant
from plinth.tenancy.secrets import store_name
from plinth_runtime.vectors.config import VectorEndpoint


def platform_contract(
    spec: PlatformSpec, below: Foundation, on: ClusterLayer, stores: Data, access: Access
) -> pulumi.Output[Any]:
    """The contract as plain data, checked against its own type."""
    document: dict[str, Any] = {
        "schema": contract.VERSION,
        "environment": {field: getattr(spec.environment, field) for field in ("name", "stage", "region", "account_id")},
        "cluster": {
            "name": on.cluster.name,
            "endpoint": on.cluster.endpoint,
            "certificate_authority": on.cluster.certificate_authority,
        },
        "gateway": {"url": addresses.gateway_url(spec), "routes": [route.name for route in spec.gateway.routes]},
        "tenants": {item.name: _tenant(spec, item, access) for item in spec.tenants},
        **_vectors(spec, stores.vectors),
        "buckets": below.storage.names,
        "secrets_key_arn": below.keys.arn["secrets"],
        "data_key_arn": below.keys.arn["data"],
        "bucket_key_arns": below.storage.key_arns,
        "pools": _pools(spec),
        "frameworks": list(spec.batch.frameworks) if spec.batch else [],
        "runtime_image": spec.gateway.image,
        "local_endpoint": addresses.aws_endpoint(spec),
    }
    return pulumi.Output.from_input(document).apply(_checked)


def _vectors(spec: PlatformSpec, built: Vectors) -> dict[str, Any]:
    """Where vectors are, and which store keeps what."""
    kinds = {name: engine.kind for name, engine in vectors.engines(spec.vector).items()}
    endpoints: dict[str, pulumi.Output[VectorEndpoint]] = {name: store.endpoint for name, store in built.beside.items()}
    found: dict[str, Any] = {}
    if built.postgres:
        at = built.postgres.endpoint
        fields = ("kind", "host", "port", "database", "collections")
        found["vector"] = {field: getattr(at, field) for field in fields}
        name = next(name for name, kind in kinds.items() if kind == at.kind)
        endpoints[name] = built.postgres.store.endpoint
    found["vector_stores"] = {
        name: {
            "kind": kinds[name],
            "endpoint": endpoint.apply(lambda given: given.model_dump(mode="json")),
            "collections": [item.name for item in vectors.kept_in(spec.vector, name)],
        }
        for name, endpoint in sorted(endpoints.items())
    }
    if isinstance(spec.vector, vectors.HybridStore):
        found["vector_uses"] = dict(spec.vector.uses)
    return found


def _tenant(spec: PlatformSpec, section: Tenant, access: Access) -> dict[str, Any]:
    name = section.name
    return {
        "namespace": access.tenants[name].namespace,
        "routes": list(section.routes),
        "folder": naming.tenant_folder(spec.environment, name),
        "secret_store": store_name(name),
        "key_stored_as": naming.tenant_key_secret(spec.environment, name),
        "key_mounted_as": tenant.KEY_SECRET,
        "vectors_stored_as": naming.tenant_vectors_secret(spec.environment, name),
        "vectors_schema": role_name(name),
        "buckets": list(section.buckets),
        "prefix": naming.tenant_prefix(name),
        "data_account": store_access.SERVICE_ACCOUNT if _has_account(spec, section) else None,
        "trace_project": naming.trace_project(spec.environment, name),
        "queue": batch_plan.QUEUE if section.batch else None,
        "gpus": {share.pool: share.max_gpus for share in section.batch.gpus} if section.batch else {},
    }


def _has_account(spec: PlatformSpec, section: Tenant) -> bool:
    stores = databases.used_by(spec.postgres.databases, section.name) or section.name in spec.cache.tenants
    stores = stores or (spec.graph and section.name in (*spec.graph.editors, *spec.graph.viewers))
    stores = stores or streams_plan.takes_part(spec.streams, section.name)
    return bool(section.buckets or stores)


def _pools(spec: PlatformSpec) -> dict[str, dict[str, int]]:
    """The pools that queues hand out."""
    pools: dict[str, dict[str, int]] = {}
    for pool in spec.gpu_pools:
        if spec.batch and pool.name in spec.batch.pools:
            beside = per_gpu(pool)
            pools[pool.name] = {
                "gpus_per_node": max(catalogue.instance(name).gpus for name in pool.instance_types),
                "cpus_per_gpu": beside.cpus,
                "memory_gib_per_gpu": beside.memory_gib,
            }
    return pools


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    return contract.PlatformContract.model_validate(document).model_dump(mode="json", by_alias=True)
