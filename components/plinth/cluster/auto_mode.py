"""What EKS Auto Mode needs of the cluster and its nodes' role. Pure.

Sources: Amazon EKS User Guide, "Amazon EKS Auto Mode cluster IAM role" (with its example policy for custom tags) and
"Create a Node Class for Amazon EKS"; provider documentation of `aws.eks.Cluster`, `compute_config`.
"""

from collections.abc import Sequence

from plinth.security.documents import Document, allow, document
from plinth.spec.gpu import GpuPool

CLUSTER_POLICIES = (
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""AWS managed policies of the control plane's role, on top of AmazonEKSClusterPolicy."""

NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""AWS managed policies of the nodes."""

NODE_ACCESS_POLICY = "cluster-access-policy/AmazonEKSAutoNodePolicy"
"""EKS access policy of the nodes' role."""


def wanted(pools: Sequence[GpuPool]) -> bool:
    """Whether the cluster has to run Auto Mode at all."""
    return any(pool.plane == "auto" for pool in pools)


def control_plane_trust() -> Document:
    """Who may take on the control plane's role: Auto Mode tags its sessions with the cluster's name."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    )


def tag_nodes() -> Document:
    """Start instances with tags of our own: the managed policies allow Amazon's only."""
    return document(
        allow(
            ["ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateLaunchTemplate"],
            ["*"],
            condition={
                "StringEquals": {"aws:RequestTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"},
                "StringLike": {
                    "aws:RequestTag/eks:kubernetes-node-class-name": "*",
                    "aws:RequestTag/eks:kubernetes-node-pool-name": "*",
                },
            },
            sid="Compute",
        )
    )
