"""IAM roles of workloads, through EKS Pod Identity."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.spec.environment import Environment


class WorkloadIdentity(Component):
    """An IAM role that the pods of one service account get, and no others.

    There is no key to leak or rotate: the cluster's Pod Identity agent hands out short-lived credentials.
    """

    role_arn: pulumi.Output[str]
    """ARN of the role; known once the association exists, so that what depends on it starts with credentials."""

    role_name: pulumi.Output[str]
    """Name of the role."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        service_account: str,
        policies: Mapping[str, pulumi.Input[str | Mapping[str, Any]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        section = {"serviceAccount": service_account, "policies": sorted(policies)}
        super().__init__("WorkloadIdentity", name, section, environment=environment, opts=opts)
        region, account = environment.region, environment.account_id
        cluster_arn = pulumi.Output.concat(
            f"arn:{documents.partition(region)}:eks:{region}:{account}:cluster/", cluster_name
        )
        trust = documents.pod_identity_trust(account, cluster_arn, namespace, service_account)
        role = aws.iam.Role(
            f"{name}-role",
            description=f"Pods of service account {service_account}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            opts=self.options(aws.iam.Role),
        )
        grants = [
            aws.iam.RolePolicy(
                f"{name}-{label}",
                role=role.name,
                policy=pulumi.Output.from_input(policy).apply(_text),
                opts=self.options(aws.iam.RolePolicy),
            )
            for label, policy in policies.items()
        ]
        association = aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=service_account,
            role_arn=role.arn,
            opts=self.options(aws.eks.PodIdentityAssociation, depends_on=grants),
        )
        self.role_arn = association.role_arn
        self.role_name = role.name
        self.register_outputs({"role_arn": self.role_arn, "role_name": self.role_name})


def _text(policy: str | Mapping[str, Any]) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
