"""IAM roles that AWS services take on."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents


@dataclass(frozen=True, slots=True)
class Role:
    """A role with its permissions."""

    arn: pulumi.Output[str]
    """ARN of the role."""

    name: pulumi.Output[str]
    """Name of the role."""

    attachments: list[pulumi.Resource]
    """Its policies: whoever uses the role depends on them, so that they come first and go last.

    They are not part of `arn`, because an ARN that a new policy makes unknown would replace whoever holds it.
    """


def role(
    component: Component,
    name: str,
    *,
    description: str,
    trust: documents.Document,
    region: str,
    managed_policies: Sequence[str],
) -> Role:
    """A role with AWS managed policies, as children `name-role` and `name-<policy>` of `component`.

    Args:
        component: parent.
        name: logical name.
        description: who uses it, for what.
        trust: who may take it on.
        region: decides the partition of the policies' ARNs.
        managed_policies: paths below `arn:aws:iam::aws:policy/`.
    """
    made = aws.iam.Role(
        f"{name}-role",
        description=description,
        assume_role_policy=pulumi.Output.json_dumps(trust),
        opts=component.options(aws.iam.Role),
    )
    attachments: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=made.name,
            policy_arn=f"arn:{documents.partition(region)}:iam::aws:policy/{policy}",
            opts=component.options(aws.iam.RolePolicyAttachment),
        )
        for policy in managed_policies
    ]
    return Role(arn=made.arn, name=made.name, attachments=attachments)
