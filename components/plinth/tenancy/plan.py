"""What follows from a tenant's section of the spec. Pure."""

from dataclasses import dataclass

from plinth import naming
from plinth.spec.environment import Environment
from plinth.spec.tenants import Quota, Tenant

TENANT_LABEL = "plinth.dev/tenant"
"""Label of everything that belongs to a tenant."""

TENANT_TAG = "tenant"
"""AWS cost allocation tag of what a tenant uses; its budget counts what carries it."""


AWS_LABEL = "plinth.dev/aws"
"""Label, value `true`, of a tenant's pods that may reach AWS."""

TRACE_PROJECT = "plinth.dev/trace-project"
"""Annotation of a tenant's namespace: the name under which its traces belong together."""


def labels(tenant: Tenant) -> dict[str, str]:
    """Labels of the platform's objects in a tenant's namespace."""
    return {TENANT_LABEL: tenant.name, "app.kubernetes.io/part-of": "plinth"}


def namespace_labels(tenant: Tenant) -> dict[str, str]:
    """Labels of a tenant's namespace: whose it is, and the Pod Security Standard it enforces."""
    return {
        **({naming.QUEUE_LABEL: "true"} if tenant.batch else {}),
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


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done with some kinds of one API group."""

    api_group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


READ = ("get", "list", "watch")
WRITE = (*READ, "create", "update", "patch", "delete")


def team_rules(tenant: Tenant) -> dict[str, tuple[Rule, ...]]:
    """What the team may do in its namespace beyond Kubernetes' own role `edit`, by the suffix of the role's name."""
    rules: dict[str, tuple[Rule, ...]] = {"secrets": (Rule("external-secrets.io", ("externalsecrets",), WRITE),)}
    if tenant.batch:
        rules["batch"] = (
            Rule("kueue.x-k8s.io", ("localqueues", "workloads"), READ),
            Rule("trainer.kubeflow.org", ("trainjobs", "trainingruntimes"), WRITE),
            Rule("ray.io", ("rayjobs", "rayclusters"), WRITE),
        )
    return rules


def telemetry(tenant: Tenant, environment: Environment) -> dict[str, str]:
    """Variables that every OpenTelemetry SDK reads (its specification, "Environment Variable Specification")."""
    attributes = {
        "service.namespace": naming.tenant_namespace(tenant.name),
        "deployment.environment.name": environment.name,
        "plinth.tenant": tenant.name,
        "plinth.trace.project": naming.trace_project(environment, tenant.name),
    }
    return {"OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in attributes.items())}
