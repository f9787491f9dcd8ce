"""Secrets: kept in Secrets Manager, brought into the cluster by External Secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from plinth import naming, pods, versions
from plinth.base import Component
from plinth.kinds.base import Text
from plinth.kinds.external_secrets import (
    AwsProvider,
    ClusterSecretStore,
    Entry,
    ExternalSecret,
    RemoteRef,
    StoreCondition,
    StoreProvider,
    StoreRef,
    Target,
)
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.spec.environment import Environment

STORE_NAME = "platform"
"""Name of the cluster's secret store."""

SERVICE_ACCOUNT = "external-secrets"

READERS = (naming.SYSTEM_NAMESPACE, naming.SERVING_NAMESPACE, naming.MONITORING_NAMESPACE)
"""Namespaces that may use the store. No tenant's: whoever may write an ExternalSecret there could read them all."""


@dataclass(frozen=True, slots=True)
class RemoteSecret:
    """A secret in Secrets Manager, or one property of its JSON."""

    secret: Text
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
        section = {"store": STORE_NAME, "readers": list(READERS)}
        super().__init__("SecretsBridge", name, section, environment=environment, opts=opts)
        region, account = environment.region, environment.account_id
        partition = documents.partition(region)
        secrets = f"arn:{partition}:secretsmanager:{region}:{account}:secret"
        readers = f"arn:{partition}:iam::{account}:role{naming.tenant_role_path(environment)}*"
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=SERVICE_ACCOUNT,
            policies={
                "read": documents.read_secrets([f"{secrets}:plinth/{environment.name}/*"], secrets_key_arn, region),
                # By their path, because a policy for each tenant would fill what one role can hold.
                "tenants": documents.document(documents.allow(["sts:AssumeRole", "sts:TagSession"], [readers])),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        chart = versions.EXTERNAL_SECRETS
        release = k8s.helm.v3.Release(
            f"{name}-operator",
            name="external-secrets",
            chart=chart.name,
            version=chart.version,
            repository_opts=k8s.helm.v3.RepositoryOptsArgs(repo=chart.repository),
            namespace=namespace,
            values=operator_values(environment),
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            opts=self.options(k8s.helm.v3.Release, depends_on=[identity]),
        )
        store = ClusterSecretStore(
            conditions=[StoreCondition(namespaces=READERS)],
            provider=StoreProvider(aws=AwsProvider(region=region)),
        ).register(
            f"{name}-store",
            name=STORE_NAME,
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[release]),
        )
        self.store_name = pulumi.Output.all(store.id).apply(lambda _: STORE_NAME)
        self.role_name = identity.role_name
        self.register_outputs({"store_name": self.store_name, "role_name": self.role_name})


def operator_values(environment: Environment) -> dict[str, Any]:
    """Values of the External Secrets chart: two replicas where it matters, pods that the `restricted` level admits."""
    replicas = 2 if environment.protects_data else 1
    container: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    resources = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    each = {
        "securityContext": container,
        "resources": resources,
        "priorityClassName": naming.SYSTEM_PRIORITY,
        "tolerations": list(pods.SYSTEM_TOLERATIONS),
    }
    return {
        "installCRDs": True,
        # Else whoever may edit a namespace could make a SecretStore there, and read with the operator's own role.
        "rbac": {"aggregateToEdit": False, "aggregateToView": False},
        "replicaCount": replicas,
        "leaderElect": replicas > 1,
        "serviceAccount": {"create": True, "name": SERVICE_ACCOUNT},
        "podDisruptionBudget": {"enabled": replicas > 1, "minAvailable": 1},
        **each,
        "webhook": {"replicaCount": replicas, **each},
        "certController": each,
    }


def external_secret(
    name: str,
    *,
    namespace: pulumi.Input[str],
    target: str,
    entries: Mapping[str, RemoteSecret],
    store_name: Text,
    opts: pulumi.ResourceOptions,
) -> k8s.apiextensions.CustomResource:
    """An ExternalSecret: keeps the Kubernetes Secret `target` equal to `entries` of Secrets Manager.

    Args:
        name: logical name.
        namespace: namespace of both objects.
        target: name of both objects.
        entries: key of the Kubernetes Secret -> where its value comes from.
        store_name: `SecretsBridge.store_name`.
        opts: the calling component's, `self.options(k8s.apiextensions.CustomResource)`.
    """
    return ExternalSecret(
        refresh_interval="1h",
        secret_store_ref=StoreRef(name=store_name),
        target=Target(name=target),
        data=[
            Entry(secret_key=key, remote_ref=RemoteRef(key=entry.secret, property=entry.property))
            for key, entry in entries.items()
        ],
    ).register(name, name=target, namespace=namespace, opts=opts)


@dataclass(frozen=True, slots=True)
class SecretCopies:
    """A second region that gets a copy of a secret, under the same name."""

    region: str
    key_arn: pulumi.Input[str]
    """KMS key there."""


def managed_secret(
    component: Component,
    name: str,
    *,
    environment: Environment,
    secret_name: str,
    value: pulumi.Input[str],
    key_arn: pulumi.Input[str],
    description: str,
    copies: SecretCopies | None = None,
) -> pulumi.Output[str]:
    """A Secrets Manager secret with its value; gives its ARN, known once the value is there.

    Args:
        component: parent of the children `name` and `name-value`.
        name: logical name.
        environment: decides how long a deleted secret can be restored.
        secret_name: name in Secrets Manager, `plinth/<environment>/...`, so that External Secrets may read it.
        value: the secret; marked secret here, whatever it was before.
        key_arn: KMS key that encrypts it.
        description: what it is for.
        copies: a second region that has it too.
    """
    secret = aws.secretsmanager.Secret(
        name,
        name=secret_name,
        description=description,
        kms_key_id=key_arn,
        # An environment that is torn down and brought up again must find the name free.
        recovery_window_in_days=30 if environment.protects_data else 0,
        replicas=[{"region": copies.region, "kms_key_id": copies.key_arn}] if copies else None,
        opts=component.options(aws.secretsmanager.Secret),
    )
    version = aws.secretsmanager.SecretVersion(
        f"{name}-value",
        secret_id=secret.id,
        secret_string=pulumi.Output.secret(value),
        opts=component.options(aws.secretsmanager.SecretVersion),
    )
    return version.secret_arn
