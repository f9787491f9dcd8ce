"""One product team on the platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
from pulumi_aws import budgets
from pulumi_kubernetes import core, meta

from plinth import naming
from plinth.base import Component
from plinth.batch.queues import BatchQueues
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.spec.environment import Environment
from plinth.spec.tenants import Tenant as TenantSection
from plinth.tenancy import plan
from plinth.tenancy.access import give_access
from plinth.tenancy.bounds import bound
from plinth.tenancy.queue import give_queue
from plinth.tenancy.secrets import tenant_store
from plinth.tenancy.store_access import StoreGrants, give_stores, has_account
from plinth.tenancy.telemetry import name_traces
from plinth.tenancy.walls import wall

KEY_SECRET = "gateway-key"  # noqa: S105 - the name of a Secret
"""Kubernetes Secret in the tenant's namespace with its gateway key."""

KEY_FIELD = "api-key"
"""Field of that Secret."""


@dataclass(frozen=True)
class TenantPlatform:
    """What every tenant stands on."""

    cluster_name: pulumi.Input[str]
    gateway_port: int
    bridge: SecretsBridge
    secrets_key_arn: pulumi.Input[str]
    bucket_keys: Mapping[str, pulumi.Input[str]]
    """ARN of the KMS key of each bucket by its name in the spec."""
    bucket_arns: Mapping[str, pulumi.Input[str]]
    """ARN of each bucket by its name in the spec."""
    queues: BatchQueues | None
    databases_cidr: str = "0.0.0.0/0"
    """Network that databases are in."""
    grants: Mapping[str, StoreGrants] = field(default_factory=dict[str, StoreGrants])
    """What tenants were granted beyond buckets, by name."""
    home: bool = True
    """Whether this is the environment's own region; budgets count all regions, so they are made there."""


class Tenant(Component):
    """A namespace with quota, walls, access for the team, gateway key, place in buckets, queue for jobs, and budget.

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
        platform: TenantPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Tenant", name, section, environment=environment, opts=opts)
        space = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=naming.tenant_namespace(section.name),
                labels=plan.namespace_labels(section),
                annotations={plan.TRACE_PROJECT: naming.trace_project(environment, section.name)},
            ),
            opts=self.options(core.v1.Namespace),
        )
        self.namespace = space.metadata.apply(lambda metadata: str(metadata.name))
        bound(self, name, section, self.namespace)
        grants = platform.grants.get(section.name, StoreGrants())
        wall(
            self,
            name,
            section,
            self.namespace,
            gateway_port=platform.gateway_port,
            ray_heads=bool(section.batch and platform.queues and platform.queues.runs_ray),
            aws=has_account(section, grants),
            stores=[(platform.databases_cidr, port) for port in grants.ports],
        )
        give_access(self, name, section, self.namespace, cluster_name=platform.cluster_name)
        give_stores(
            self,
            name,
            section,
            self.namespace,
            environment=environment,
            cluster_name=platform.cluster_name,
            bucket_arns=platform.bucket_arns,
            key_arns=platform.bucket_keys,
            grants=grants,
        )
        give_queue(self, name, section, self.namespace, queues=platform.queues)
        name_traces(self, name, section, self.namespace, environment=environment)
        self._key(name, section, platform)
        if platform.home:
            self._budget(name, section)
        self.register_outputs({"namespace": self.namespace})

    def _key(self, name: str, section: TenantSection, platform: TenantPlatform) -> None:
        """The team's window on Secrets Manager, and through it the gateway key."""
        store = tenant_store(
            self,
            name,
            section.name,
            environment=self._environment,
            bridge=platform.bridge,
            secrets_key_arn=platform.secrets_key_arn,
        )
        external_secret(
            f"{name}-key",
            namespace=self.namespace,
            target=KEY_SECRET,
            entries={KEY_FIELD: RemoteSecret(naming.tenant_key_secret(self._environment, section.name))},
            store_name=store,
            opts=self.options(k8s.apiextensions.CustomResource),
        )

    def _budget(self, name: str, tenant: TenantSection) -> None:
        """The owner hears before and when the month's budget is spent. AWS Budgets warns; it stops nothing."""
        budgets.Budget(
            f"{name}-budget",
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
