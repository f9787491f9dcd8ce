"""What tells a tenant's traces from everybody else's.

Nothing here stores traces: the ConfigMap names the project in the variable that every OpenTelemetry SDK reads, so that
traces are told apart wherever the team sends them.
"""

import pulumi
from pulumi_kubernetes import core, meta

from plinth.base import Component
from plinth.spec.environment import Environment
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan

CONFIG = "telemetry"
"""ConfigMap in the tenant's namespace; containers take it as `envFrom`."""


def name_traces(
    component: Component, name: str, tenant: Tenant, namespace: pulumi.Input[str], *, environment: Environment
) -> None:
    """The ConfigMap, as a child of `component`."""
    core.v1.ConfigMap(
        f"{name}-telemetry",
        metadata=meta.v1.ObjectMetaArgs(name=CONFIG, namespace=namespace, labels=plan.labels(tenant)),
        data=plan.telemetry(tenant, environment),
        opts=component.options(core.v1.ConfigMap),
    )
