"""What a tenant's pods may do in the platform's stores, as one IAM role: buckets, databases, and whatever joins them.

Prefix-scoped policies on the pods' own role, not S3 Access Grants or an access point for each tenant: a role is what
databases, the cache and queues check too, so one identity, one trail and one place to revoke serve every store, and
pods need no second credential that a broker vends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes import core, meta

from plinth import naming
from plinth.base import Component
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.spec.environment import Environment
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan

SERVICE_ACCOUNT = "data"
"""Service account in the tenant's namespace whose pods read and write what the tenant was granted."""

ENDPOINTS = "stores"
"""ConfigMap in the tenant's namespace that says where its stores are: a file for each, in the runtime's own types."""


@dataclass(frozen=True)
class StoreGrants:
    """What a tenant was granted beyond buckets."""

    policies: Mapping[str, pulumi.Input[str | Mapping[str, Any]]] = field(
        default_factory=dict[str, pulumi.Input[str | Mapping[str, Any]]]
    )
    """IAM policies of its pods, by label."""

    ports: tuple[int, ...] = ()
    """TCP ports of the network's stores that its pods reach."""

    endpoints: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Files of the ConfigMap, by name."""

    def merged(self, other: "StoreGrants") -> "StoreGrants":
        """Both."""
        return StoreGrants(
            policies={**self.policies, **other.policies},
            ports=tuple(sorted({*self.ports, *other.ports})),
            endpoints={**self.endpoints, **other.endpoints},
        )

    def __bool__(self) -> bool:
        return bool(self.policies)


def has_account(tenant: Tenant, grants: StoreGrants | None) -> bool:
    """Whether the tenant's pods have a role."""
    return bool(tenant.buckets or grants)


def give_stores(
    component: Component,
    name: str,
    tenant: Tenant,
    namespace: pulumi.Input[str],
    *,
    environment: Environment,
    cluster_name: pulumi.Input[str],
    bucket_arns: Mapping[str, pulumi.Input[str]],
    key_arns: Mapping[str, pulumi.Input[str]],
    grants: StoreGrants,
) -> None:
    """A service account with a role for what the tenant was granted, if anything, and where its stores are."""
    if not has_account(tenant, grants):
        return

    def metadata(label: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=label, namespace=namespace, labels=plan.labels(tenant))

    core.v1.ServiceAccount(
        f"{name}-data-account",
        metadata=metadata(SERVICE_ACCOUNT),
        automount_service_account_token=False,
        opts=component.options(core.v1.ServiceAccount),
    )
    policies = dict(grants.policies)
    if tenant.buckets:
        arns = [bucket_arns[bucket] for bucket in tenant.buckets]
        prefix = naming.tenant_prefix(tenant.name)
        keys = list({id(key): key for key in (key_arns[bucket] for bucket in tenant.buckets)}.values())
        policies["buckets"] = pulumi.Output.json_dumps(documents.use_prefix(arns, prefix, keys, environment.region))
    WorkloadIdentity(
        f"{name}-data",
        environment=environment,
        cluster_name=cluster_name,
        namespace=namespace,
        service_account=SERVICE_ACCOUNT,
        policies=policies,
        opts=pulumi.ResourceOptions(parent=component),
    )
    if grants.endpoints:
        core.v1.ConfigMap(
            f"{name}-stores",
            metadata=metadata(ENDPOINTS),
            data=dict(grants.endpoints),
            opts=component.options(core.v1.ConfigMap),
        )
