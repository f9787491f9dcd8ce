"""Nodes that EKS Auto Mode runs."""

import pulumi
import pulumi_aws as aws

from plinth import naming
from plinth.base import Component
from plinth.cluster import auto_mode
from plinth.cluster.cluster import Cluster
from plinth.security import documents
from plinth.security.roles import role
from plinth.spec.environment import Environment


class AutoNodes(Component):
    """The role of nodes that Amazon runs in a cluster with Auto Mode, and their way into it."""

    node_role_name: pulumi.Output[str]
    """Name of the nodes' IAM role."""

    node_role_arn: pulumi.Output[str]
    """ARN of that role."""

    ready: list[pulumi.Resource]
    """What must exist before a node pool can be made."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        cluster: Cluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("AutoNodes", name, {}, environment=environment, opts=opts)
        node_role = role(
            self,
            f"{name}-nodes",
            description=f"Nodes that EKS Auto Mode starts for {naming.cluster_name(environment)}",
            trust=documents.service_trust("ec2.amazonaws.com"),
            region=environment.region,
            managed_policies=auto_mode.NODE_POLICIES,
        )
        self.node_role_arn, self.node_role_name = node_role.arn, node_role.name
        entry = aws.eks.AccessEntry(
            f"{name}-nodes-access",
            cluster_name=cluster.name,
            principal_arn=node_role.arn,
            type="EC2",
            opts=self.options(aws.eks.AccessEntry),
        )
        policy = aws.eks.AccessPolicyAssociation(
            f"{name}-nodes-policy",
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{documents.partition(environment.region)}:eks::aws:{auto_mode.NODE_ACCESS_POLICY}",
            access_scope={"type": "cluster"},
            opts=self.options(aws.eks.AccessPolicyAssociation),
        )
        self.ready = [policy, *node_role.attachments]
        self.register_outputs({"node_role_name": self.node_role_name, "node_role_arn": self.node_role_arn})
