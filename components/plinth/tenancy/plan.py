"""What follows from a tenant's section of the spec. Pure."""

from dataclasses import dataclass

from plinth import naming
from plinth.spec.tenants import Quota, Tenant

TENANT_LABEL = "plinth.dev/tenant"
"""Label of everything that belongs to a tenant."""

TENANT_TAG = "tenant"
"""AWS cost allocation tag of what a tenant uses; its budget counts what carries it."""


def namespace_labels(tenant: Tenant) -> dict[str, str]:
    """Labels of a tenant's namespace: whose it is, and the Pod Security Standard it enforces."""
    return {
        TENANT_LABEL: tenant.name,
        "plinth.dev/cost-center": tenant.cost_center,
        "app.kubernetes.io/part-of": "plinth",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def quota(section: Quota) -> dict[str, str]:
    """Hard limits of the namespace's ResourceQuota. Services that open the cluster to the outside are not allowed."""
    return {
        "requests.cpu": str(section.cpus),
        "requests.memory": f"{section.memory_gib}Gi",
        "limits.memory": f"{section.memory_gib}Gi",
        f"requests.{naming.GPU_TAINT}": str(section.gpus),
        "pods": str(section.pods),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


RESERVED_PRIORITIES = (
    naming.SYSTEM_PRIORITY,
    naming.SERVING_PRIORITY,
    "system-cluster-critical",
    "system-node-critical",
)
"""Priority classes that a tenant's pods may not have: they would evict the platform's own (Kubernetes lets anybody)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """When the owner hears about the budget."""

    kind: str
    """ACTUAL or FORECASTED."""
    percent: int


BUDGET_ALERTS = (Alert("ACTUAL", 80), Alert("ACTUAL", 100), Alert("FORECASTED", 100))


def budget_filter(tenant: Tenant) -> str:
    """The value of AWS Budgets' `TagKeyValue` filter: `user:`, the tag, `$`, its value (AWS Budgets API reference)."""
    return f"user:{TENANT_TAG}${tenant.name}"


def group(tenant: Tenant) -> str:
    """Kubernetes group of the tenant's people; an EKS access entry of their role puts them in it."""
    return f"tenant:{tenant.name}"
