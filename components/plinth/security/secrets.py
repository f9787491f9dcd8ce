"""Secrets: kept in Secrets Manager, brought into the cluster by External Secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from plinth.base import Component
from plinth.spec.environment import Environment

STORE_NAME = "platform"
"""Name of the cluster's secret store."""


@dataclass(frozen=True, slots=True)
class RemoteSecret:
    """A secret in Secrets Manager, or one property of its JSON."""

    secret: pulumi.Input[str]
    """Name or ARN of the secret."""

    property: str | None = None
    """Property of its JSON value. Absent: the whole value."""


class SecretsBridge(Component):
    """External Secrets Operator with a cluster-wide store that reads `plinth/<environment>/*`."""

    store_name: pulumi.Output[str]
    """Name of the ClusterSecretStore; known once it exists."""

    role_name: pulumi.Output[str]
    """IAM role of the operator: a secret outside `plinth/<environment>/` needs a policy on it."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        secrets_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SecretsBridge", name, {}, environment=environment, opts=opts)


def external_secret(
    name: str,
    *,
    namespace: pulumi.Input[str],
    target: str,
    entries: Mapping[str, RemoteSecret],
    store_name: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """An ExternalSecret: keeps the Kubernetes Secret `target` equal to `entries` of Secrets Manager.

    `opts` are the calling component's: `self.options(k8s.apiextensions.CustomResource)`.
    """
    ...


def managed_secret(
    component: Component,
    name: str,
    *,
    secret_name: str,
    value: pulumi.Input[str],
    key_arn: pulumi.Input[str],
    description: str,
) -> pulumi.Output[str]:
    """A Secrets Manager secret with its value, as children `name` and `name-version` of `component`; gives its ARN."""
    ...
