"""A tenant's own place in the platform's buckets."""

from collections.abc import Mapping

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
"""Service account in the tenant's namespace whose pods read and write below the tenant's prefix."""


def give_buckets(
    component: Component,
    name: str,
    tenant: Tenant,
    namespace: pulumi.Input[str],
    *,
    environment: Environment,
    cluster_name: pulumi.Input[str],
    bucket_arns: Mapping[str, pulumi.Input[str]],
    key_arn: pulumi.Input[str],
) -> None:
    """A service account with a role for `tenants/<name>/` of each bucket that the tenant was granted, if any."""
    if not tenant.buckets:
        return
    core.v1.ServiceAccount(
        f"{name}-data-account",
        metadata=meta.v1.ObjectMetaArgs(name=SERVICE_ACCOUNT, namespace=namespace, labels=plan.labels(tenant)),
        automount_service_account_token=False,
        opts=component.options(core.v1.ServiceAccount),
    )
    WorkloadIdentity(
        f"{name}-data",
        environment=environment,
        cluster_name=cluster_name,
        namespace=namespace,
        service_account=SERVICE_ACCOUNT,
        policies={
            "buckets": pulumi.Output.json_dumps(
                documents.use_prefix(
                    [bucket_arns[bucket] for bucket in tenant.buckets],
                    naming.tenant_prefix(tenant.name),
                    key_arn,
                    environment.region,
                )
            )
        },
        opts=pulumi.ResourceOptions(parent=component),
    )
