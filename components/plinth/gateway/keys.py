"""The gateway's keys: made here, kept in Secrets Manager, known to the gateway by their hashes."""

from collections.abc import Sequence

import pulumi
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.gateway import plan
from plinth.security.secrets import SecretCopies, managed_secret
from plinth.spec.environment import Environment


def tenant_keys(
    component: Component,
    name: str,
    tenants: Sequence[str],
    *,
    environment: Environment,
    key_arn: pulumi.Input[str],
    copies: SecretCopies | None,
) -> pulumi.Output[str]:
    """One key for each tenant as a secret of its own, and the hashes of all as one for the gateway.

    Children of `component`; gives the ARN of the secret with the hashes, known once it has its value.
    """
    keys: dict[str, pulumi.Output[str]] = {}
    for tenant in tenants:
        password = random.RandomPassword(
            f"{name}-key-{tenant}",
            length=40,
            special=False,
            opts=component.options(random.RandomPassword),
        )
        keys[tenant] = pulumi.Output.secret(pulumi.Output.all(tenant, password.result).apply(_key))
        managed_secret(
            component,
            f"{name}-secret-{tenant}",
            environment=environment,
            secret_name=naming.tenant_key_secret(environment, tenant),
            value=keys[tenant],
            key_arn=key_arn,
            description=f"Gateway key of tenant {tenant}",
            copies=copies,
        )
    return managed_secret(
        component,
        f"{name}-hashes",
        environment=environment,
        secret_name=naming.gateway_keys_secret(environment),
        value=pulumi.Output.secret(pulumi.Output.all(**keys).apply(plan.keys_file)),
        key_arn=key_arn,
        description="Hashes of the gateway's keys",
        copies=copies,
    )


def _key(parts: list[str]) -> str:
    tenant, secret = parts
    return plan.api_key(tenant, secret)
