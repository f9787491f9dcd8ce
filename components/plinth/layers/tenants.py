"""The product teams, and the queues of their jobs."""

from collections.abc import Mapping

from plinth import naming
from plinth.batch import plan as batch_plan
from plinth.batch.queues import BatchQueues
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.spec import PlatformSpec
from plinth.tenancy.store_access import StoreGrants
from plinth.tenancy.tenant import Tenant, TenantPlatform


def batch(spec: PlatformSpec, on: ClusterLayer) -> BatchQueues | None:
    """Queues for tenants' jobs, and the operators that run them."""
    if spec.batch is None:
        return None
    namespace = on.base.namespaces[naming.SYSTEM_NAMESPACE]
    return BatchQueues(
        "batch",
        spec.batch,
        environment=spec.environment,
        queues=batch_plan.plan(spec.batch, spec.gpu_pools, spec.cluster.general_pools, spec.models, spec.tenants),
        namespace=namespace,
        crds=on.crds.of("jobset", "trainer") if "train" in spec.batch.frameworks else [],
        ray=on.ray if "ray" in spec.batch.frameworks else None,
        opts=on.given.options(),
    )


def tenants(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    gateway_port: int,
    grants: Mapping[str, StoreGrants] | None = None,
) -> dict[str, Tenant]:
    """The product teams, by name."""
    platform = TenantPlatform(
        cluster_name=on.cluster.name,
        gateway_port=gateway_port,
        bridge=on.bridge,
        secrets_key_arn=below.keys.arn["secrets"],
        bucket_keys=below.storage.key_arns,
        bucket_arns=below.storage.arns,
        queues=batch(spec, on),
        databases_cidr=spec.network.node_cidr,
        grants=grants or {},
        home=on.given.home,
    )
    return {
        tenant.name: Tenant(
            f"tenant-{tenant.name}",
            tenant,
            environment=spec.environment,
            platform=platform,
            opts=on.for_workloads(),
        )
        for tenant in spec.tenants
    }
