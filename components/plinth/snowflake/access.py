"""What a workload needs to reach the warehouse, in its namespace: settings, the key, and a way out."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.kinds.base import Text
from plinth.security.secrets import RemoteSecret, external_secret
from plinth.snowflake.connection import CONFIG_FILE, KEY_FILE, connection
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake, SnowflakeUser

EVERYWHERE = "0.0.0.0/0"
"""Without PrivateLink, Snowflake's addresses and those of its stages are not known beforehand."""


class WarehouseAccess(Component):
    """A service user's way into Snowflake, for the pods of one namespace that carry `plinth.dev/warehouse: "true"`.

    The ConfigMap `<name>` has `warehouse.json`, which the runtime's client reads; the Secret `<name>-key` has the
    private key, which changes when the key is replaced. The way out is made for tenants; the platform's own pods have
    rows in `plinth.cluster.flows`.
    """

    config_name: str
    """Name of the ConfigMap."""

    key_name: str
    """Name of the Secret."""

    def __init__(
        self,
        name: str,
        section: Snowflake,
        user: SnowflakeUser,
        *,
        environment: Environment,
        namespace: pulumi.Input[str],
        store_name: Text,
        endpoints_cidr: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("WarehouseAccess", name, user, environment=environment, opts=opts)
        # A tenant has one; the platform's own namespace has one for each of its users.
        self.config_name = "warehouse" if user.tenant else f"warehouse-{user.name.lower().replace('_', '-')}"
        self.key_name = f"{self.config_name}-key"
        core.v1.ConfigMap(
            f"{name}-config",
            metadata=meta.v1.ObjectMetaArgs(name=self.config_name, namespace=namespace),
            data={CONFIG_FILE: connection(section, environment, user).model_dump_json(indent=2)},
            opts=self.options(core.v1.ConfigMap),
        )
        external_secret(
            f"{name}-key",
            namespace=namespace,
            target=self.key_name,
            entries={
                KEY_FILE: RemoteSecret(
                    naming.snowflake_key_secret(environment, user.name, user.tenant), property="private_key"
                )
            },
            store_name=store_name,
            opts=self.options(k8s.apiextensions.CustomResource),
        )
        if user.tenant:
            self._wall(name, namespace, endpoints_cidr if section.network.private_link else EVERYWHERE)
        self.register_outputs({"config_name": self.config_name, "key_name": self.key_name})

    def _wall(self, name: str, namespace: pulumi.Input[str], cidr: str) -> None:
        networking.v1.NetworkPolicy(
            f"{name}-wall",
            metadata=meta.v1.ObjectMetaArgs(name=self.config_name, namespace=namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels={naming.WAREHOUSE_LABEL: "true"}),
                policy_types=["Egress"],
                egress=[pods.allow_addresses(cidr, 443)],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )
