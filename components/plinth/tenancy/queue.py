"""A tenant's queue for jobs."""

import pulumi
import pulumi_kubernetes as k8s

from plinth import naming
from plinth.base import Component
from plinth.batch import plan as batch_plan
from plinth.batch.queues import BatchQueues
from plinth.kinds import kueue
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan


def give_queue(
    component: Component, name: str, tenant: Tenant, namespace: pulumi.Input[str], *, queues: BatchQueues | None
) -> None:
    """The tenant's quota, and the place in its namespace where its jobs line up, if it has a queue."""
    if queues is None or tenant.batch is None:
        return
    resource = k8s.apiextensions.CustomResource
    quota = batch_plan.cluster_queue(queues.quotas, tenant.name).register(
        f"{name}-cluster-queue",
        name=naming.tenant_namespace(tenant.name),
        labels=plan.labels(tenant),
        opts=component.options(resource, depends_on=queues.ready),
    )
    kueue.LocalQueue(cluster_queue=naming.tenant_namespace(tenant.name)).register(
        f"{name}-queue",
        name=batch_plan.QUEUE,
        namespace=namespace,
        labels=plan.labels(tenant),
        opts=component.options(resource, depends_on=[quota]),
    )
