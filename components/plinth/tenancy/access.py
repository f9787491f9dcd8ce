"""What a tenant's people may do in the cluster."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes import meta, rbac

from plinth.base import Component
from plinth.cluster.plan import principal_label
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan


def give_access(
    component: Component,
    name: str,
    tenant: Tenant,
    namespace: pulumi.Input[str],
    *,
    cluster_name: pulumi.Input[str],
) -> None:
    """The team's people work in their namespace and nowhere else, and bring their own secrets into it."""
    people = [rbac.v1.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name=plan.group(tenant))]

    def metadata(label: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=label, namespace=namespace, labels=plan.labels(tenant))

    def bind(suffix: str, label: str, role_ref: rbac.v1.RoleRefArgs, after: Sequence[pulumi.Resource] = ()) -> None:
        rbac.v1.RoleBinding(
            f"{name}-{suffix}",
            metadata=metadata(label),
            role_ref=role_ref,
            subjects=people,
            opts=component.options(rbac.v1.RoleBinding, depends_on=list(after)),
        )

    for suffix, rules in plan.team_rules(tenant).items():
        label = f"team-{suffix}"
        role = rbac.v1.Role(
            f"{name}-{suffix}-role",
            metadata=metadata(label),
            rules=[
                rbac.v1.PolicyRuleArgs(
                    api_groups=[rule.api_group], resources=list(rule.resources), verbs=list(rule.verbs)
                )
                for rule in rules
            ],
            opts=component.options(rbac.v1.Role),
        )
        own = rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=label)
        bind(suffix, label, own, [role])
    edit = rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="edit")
    bind("team", "team", edit)
    for role_arn in tenant.team_roles:
        aws.eks.AccessEntry(
            f"{name}-access-{principal_label(role_arn)}",
            cluster_name=cluster_name,
            principal_arn=role_arn,
            kubernetes_groups=[plan.group(tenant)],
            opts=component.options(aws.eks.AccessEntry),
        )
