"""IAM roles of workloads, through EKS Pod Identity."""

from collections.abc import Mapping
from typing import Any

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment


class WorkloadIdentity(Component):
    """An IAM role that the pods of one service account get."""

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
