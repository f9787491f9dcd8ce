"""Karpenter: starts and stops the nodes that pods ask for."""

import pulumi

from plinth.base import Component
from plinth.cluster.cluster import Cluster
from plinth.spec.environment import Environment


class Karpenter(Component):
    """Karpenter's controller, CRDs, interruption queue and node role."""

    node_role_name: pulumi.Output[str]
    """Name of the IAM role of the nodes that it starts."""

    node_role_arn: pulumi.Output[str]
    """ARN of that role."""

    queue_name: pulumi.Output[str]
    """SQS queue of interruption notices."""

    ready: list[pulumi.Resource]
    """What must exist before a node pool can be made."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        cluster: Cluster,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Karpenter", name, {}, environment=environment, opts=opts)
