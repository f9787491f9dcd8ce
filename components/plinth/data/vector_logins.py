"""Logins of tenants at the vector store: made here, so that a team keeps collections of its own."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.data.vector_job import Login
from plinth.kinds.base import Text
from plinth.security.secrets import RemoteSecret, SecretCopies, external_secret, managed_secret
from plinth.spec.environment import Environment


def role_name(tenant: str) -> str:
    """PostgreSQL role of a tenant, and the schema that it owns. Tenants' names have no underscore, so none collide."""
    return f"tenant_{tenant.replace('-', '_')}"


def tenant_logins(
    component: Component,
    name: str,
    tenants: Sequence[str],
    *,
    environment: Environment,
    namespace: pulumi.Input[str],
    store_name: Text,
    key_arn: pulumi.Input[str],
    copies: SecretCopies | None = None,
) -> tuple[list[Login], list[pulumi.Resource]]:
    """A password for each tenant, in the tenant's own folder of Secrets Manager and beside the Job.

    Children of `component`; gives the logins, and what must exist before the Job can mount their passwords.
    """
    logins, mounted = list[Login](), list[pulumi.Resource]()
    for tenant in tenants:
        login = Login(tenant, role_name(tenant), f"vector-login-{tenant}")
        password = random.RandomPassword(
            f"{name}-login-{tenant}", length=40, special=False, opts=component.options(random.RandomPassword)
        )
        secret_name = naming.tenant_vectors_secret(environment, tenant)
        written = managed_secret(
            component,
            f"{name}-login-{tenant}-secret",
            environment=environment,
            secret_name=secret_name,
            value=pulumi.Output.json_dumps({"username": login.role, "password": password.result}),
            key_arn=key_arn,
            description=f"Login of tenant {tenant} at the vector store",
            copies=copies,
        )
        mounted.append(
            external_secret(
                f"{name}-login-{tenant}-mounted",
                namespace=namespace,
                target=login.secret,
                entries={"password": RemoteSecret(_known_after(secret_name, written), "password")},
                store_name=store_name,
                opts=component.options(k8s.apiextensions.CustomResource),
            )
        )
        logins.append(login)
    return logins, mounted


def _known_after(text: str, written: pulumi.Output[str]) -> pulumi.Output[str]:
    return written.apply(lambda _: text)
