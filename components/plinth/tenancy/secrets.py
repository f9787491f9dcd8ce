"""A tenant's own window on Secrets Manager: its folder, and nothing else."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from plinth import naming
from plinth.base import Component
from plinth.kinds.external_secrets import AwsProvider, ClusterSecretStore, StoreCondition, StoreProvider
from plinth.security import documents
from plinth.security.secrets import SecretsBridge
from plinth.spec.environment import Environment


def store_name(tenant: str) -> str:
    """Name of the tenant's ClusterSecretStore."""
    return f"tenant-{tenant}"


def tenant_store(
    component: Component,
    name: str,
    tenant: str,
    *,
    environment: Environment,
    bridge: SecretsBridge,
    secrets_key_arn: pulumi.Input[str],
) -> pulumi.Output[str]:
    """A secret store for the tenant's namespace that reads `plinth/<environment>/tenants/<tenant>/*`.

    External Secrets takes on a role of its own for it, so that a team that writes ExternalSecrets in its
    namespace still reads only what is its own. Gives the store's name, known once it works.
    """
    region, account = environment.region, environment.account_id
    partition = documents.partition(region)
    operator = pulumi.Output.concat(f"arn:{partition}:iam::{account}:role/", bridge.role_name)
    role = aws.iam.Role(
        f"{name}-reader",
        description=f"Secrets of tenant {tenant}",
        path=naming.tenant_role_path(environment),
        assume_role_policy=pulumi.Output.json_dumps(_trust(operator)),
        opts=component.options(aws.iam.Role),
    )
    folder = f"arn:{partition}:secretsmanager:{region}:{account}:secret:{naming.tenant_folder(environment, tenant)}*"
    reading = aws.iam.RolePolicy(
        f"{name}-read",
        role=role.name,
        policy=pulumi.Output.json_dumps(documents.read_secrets([folder], secrets_key_arn, region)),
        opts=component.options(aws.iam.RolePolicy),
    )
    store = ClusterSecretStore(
        conditions=[StoreCondition(namespaces=[naming.tenant_namespace(tenant)])],
        provider=StoreProvider(aws=AwsProvider(region=region, role=role.arn)),
    ).register(
        f"{name}-store",
        name=store_name(tenant),
        # The operator and its CRDs exist once the platform's own store does.
        opts=component.options(k8s.apiextensions.CustomResource, depends_on=[reading, bridge]),
    )
    return store.id.apply(lambda _: store_name(tenant))


def _trust(operator_arn: pulumi.Output[str]) -> documents.Document:
    """The operator may take on the role; sessions of EKS Pod Identity carry tags, which the trust must allow."""
    return documents.document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": operator_arn},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    )
