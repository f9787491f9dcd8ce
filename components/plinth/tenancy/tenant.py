"""One product team on the platform."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi_aws import budgets
from pulumi_kubernetes import core, meta, networking, rbac

from plinth import addresses, naming, pods
from plinth.base import Component
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.spec.environment import Environment
from plinth.spec.tenants import Tenant as TenantSection
from plinth.tenancy import plan
from plinth.tenancy.secrets import tenant_store

KEY_SECRET = "gateway-key"  # noqa: S105 - the name of a Secret
"""Kubernetes Secret in the tenant's namespace with its gateway key."""

KEY_FIELD = "api-key"
"""Field of that Secret."""


class Tenant(Component):
    """A namespace with quota, walls, access for the team, its gateway key, and a budget.

    The team may edit everything in its namespace, network policies included. What must hold against it is
    therefore guarded at the other end too: the gateway, models and databases let in only whom they know.
    """

    namespace: pulumi.Output[str]
    """Name of the namespace; known once it exists."""

    def __init__(
        self,
        name: str,
        section: TenantSection,
        *,
        environment: Environment,
        gateway_port: int,
        bridge: SecretsBridge,
        secrets_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Tenant", name, section, environment=environment, opts=opts)
        self._name, self._tenant = name, section
        space = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=naming.tenant_namespace(section.name), labels=plan.namespace_labels(section)
            ),
            opts=self.options(core.v1.Namespace),
        )
        self.namespace = space.metadata.apply(lambda metadata: str(metadata.name))
        self._bound()
        self._walls(gateway_port)
        self._access()
        store = tenant_store(
            self, name, section.name, environment=environment, bridge=bridge, secrets_key_arn=secrets_key_arn
        )
        external_secret(
            f"{name}-key",
            namespace=self.namespace,
            target=KEY_SECRET,
            entries={KEY_FIELD: RemoteSecret(naming.tenant_key_secret(environment, section.name))},
            store_name=store,
            opts=self.options(k8s.apiextensions.CustomResource),
        )
        self._budget()
        self.register_outputs({"namespace": self.namespace})

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        labels = {plan.TENANT_LABEL: self._tenant.name, "app.kubernetes.io/part-of": pods.PART_OF}
        return meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels)

    def _bound(self) -> None:
        """How much the namespace may take, and what a container gets that does not say."""
        core.v1.ResourceQuota(
            f"{self._name}-quota",
            metadata=self._metadata("tenant"),
            spec=core.v1.ResourceQuotaSpecArgs(hard=plan.quota(self._tenant.quota)),
            opts=self.options(core.v1.ResourceQuota),
        )
        core.v1.ResourceQuota(
            f"{self._name}-priorities",
            metadata=self._metadata("no-platform-priority"),
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
            opts=self.options(core.v1.ResourceQuota),
        )
        core.v1.LimitRange(
            f"{self._name}-limits",
            metadata=self._metadata("tenant"),
            spec=core.v1.LimitRangeSpecArgs(
                limits=[
                    core.v1.LimitRangeItemArgs(
                        type="Container",
                        default={"cpu": "1", "memory": "512Mi"},
                        default_request={"cpu": "100m", "memory": "256Mi"},
                    )
                ]
            ),
            opts=self.options(core.v1.LimitRange),
        )

    def _walls(self, gateway_port: int) -> None:
        """Nothing gets in or out, except to the cluster's DNS, to the gateway and within the namespace."""
        everything = meta.v1.LabelSelectorArgs()
        networking.v1.NetworkPolicy(
            f"{self._name}-deny",
            metadata=self._metadata("default-deny"),
            spec=networking.v1.NetworkPolicySpecArgs(pod_selector=everything, policy_types=["Ingress", "Egress"]),
            opts=self.options(networking.v1.NetworkPolicy),
        )
        neighbors = networking.v1.NetworkPolicyPeerArgs(pod_selector=everything)
        gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(addresses.GATEWAY))
        networking.v1.NetworkPolicy(
            f"{self._name}-allow",
            metadata=self._metadata("platform-services"),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=everything,
                policy_types=["Ingress", "Egress"],
                ingress=[networking.v1.NetworkPolicyIngressRuleArgs(from_=[neighbors])],
                egress=[
                    pods.allow_dns(),
                    pods.allow_to([gateway], gateway_port),
                    networking.v1.NetworkPolicyEgressRuleArgs(to=[neighbors]),
                ],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _access(self) -> None:
        """The team's people work in their namespace and nowhere else, and bring their own secrets into it."""
        people = [
            rbac.v1.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name=plan.group(self._tenant))
        ]
        secrets = rbac.v1.Role(
            f"{self._name}-secrets-role",
            metadata=self._metadata("team-secrets"),
            rules=[
                rbac.v1.PolicyRuleArgs(
                    api_groups=["external-secrets.io"],
                    resources=["externalsecrets"],
                    verbs=["get", "list", "watch", "create", "update", "patch", "delete"],
                )
            ],
            opts=self.options(rbac.v1.Role),
        )
        rbac.v1.RoleBinding(
            f"{self._name}-secrets",
            metadata=self._metadata("team-secrets"),
            role_ref=rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name="team-secrets"),
            subjects=people,
            opts=self.options(rbac.v1.RoleBinding, depends_on=[secrets]),
        )
        rbac.v1.RoleBinding(
            f"{self._name}-team",
            metadata=self._metadata("team"),
            role_ref=rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="edit"),
            subjects=people,
            opts=self.options(rbac.v1.RoleBinding),
        )

    def _budget(self) -> None:
        """The owner hears before and when the month's budget is spent. AWS Budgets warns; it stops nothing."""
        tenant = self._tenant
        budgets.Budget(
            f"{self._name}-budget",
            budget_type="COST",
            limit_amount=str(tenant.monthly_budget_usd),
            limit_unit="USD",
            time_unit="MONTHLY",
            cost_filters=[budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[plan.budget_filter(tenant)])],
            notifications=[
                budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=alert.kind,
                    threshold=alert.percent,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=[tenant.owner_email],
                )
                for alert in plan.BUDGET_ALERTS
            ],
            opts=self.options(budgets.Budget),
        )
