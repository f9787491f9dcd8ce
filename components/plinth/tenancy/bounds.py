"""How much a tenant's namespace may take, and what a container gets that does not say."""

import pulumi
from pulumi_kubernetes import core, meta

from plinth.base import Component
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan


def bound(component: Component, name: str, tenant: Tenant, namespace: pulumi.Input[str]) -> None:
    """Quotas and default limits of a namespace, as children of `component`."""

    def metadata(label: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=label, namespace=namespace, labels=plan.labels(tenant))

    core.v1.ResourceQuota(
        f"{name}-quota",
        metadata=metadata("tenant"),
        spec=core.v1.ResourceQuotaSpecArgs(hard=plan.quota(tenant.quota)),
        opts=component.options(core.v1.ResourceQuota),
    )
    core.v1.ResourceQuota(
        f"{name}-priorities",
        metadata=metadata("no-platform-priority"),
        spec=core.v1.ResourceQuotaSpecArgs(
            hard={"pods": "0"},
            scope_selector=core.v1.ScopeSelectorArgs(
                match_expressions=[
                    core.v1.ScopedResourceSelectorRequirementArgs(
                        scope_name="PriorityClass", operator="In", values=list(plan.RESERVED_PRIORITIES)
                    )
                ]
            ),
        ),
        opts=component.options(core.v1.ResourceQuota),
    )
    core.v1.LimitRange(
        f"{name}-limits",
        metadata=metadata("tenant"),
        spec=core.v1.LimitRangeSpecArgs(
            limits=[
                core.v1.LimitRangeItemArgs(
                    type="Container",
                    default={"cpu": "1", "memory": "512Mi"},
                    default_request={"cpu": "100m", "memory": "256Mi"},
                )
            ]
        ),
        opts=component.options(core.v1.LimitRange),
    )
