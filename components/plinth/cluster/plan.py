"""What the cluster is made of, decided without Pulumi: add-ons, their permissions, the kubeconfig."""

import json
from dataclasses import dataclass
from typing import Any

from plinth import naming, pods, versions


@dataclass(frozen=True, slots=True)
class Addon:
    """An EKS add-on: AWS builds it, we choose its version and settings."""

    name: str
    service_account: str | None = None
    """Its service account in kube-system, where it needs an IAM role."""
    policy: str | None = None
    """AWS managed policy of that role, as a path such as `AmazonEKS_CNI_Policy`."""
    settings: str | None = None
    """Configuration values, JSON, where they do not depend on the network."""

    @property
    def version(self) -> str:
        """Version on the release train."""
        return versions.EKS_ADDONS[self.name]


BEFORE_NODES = (
    Addon(
        "vpc-cni",
        service_account="aws-node",
        policy="AmazonEKS_CNI_Policy",
    ),
    Addon("kube-proxy"),
    Addon("eks-pod-identity-agent"),
)
"""What a node needs to become ready."""

_ON_SYSTEM_NODES = {"tolerations": list(pods.SYSTEM_TOLERATIONS)}

AFTER_NODES = (
    Addon("coredns", settings=json.dumps(_ON_SYSTEM_NODES)),
    Addon(
        "aws-ebs-csi-driver",
        service_account="ebs-csi-controller-sa",
        policy="service-role/AmazonEBSCSIDriverPolicy",
        settings=json.dumps({"controller": _ON_SYSTEM_NODES}),
    ),
    Addon("eks-node-monitoring-agent", settings=json.dumps({"dcgmAgent": {"tolerations": [{"operator": "Exists"}]}})),
    # What autoscaling by processor or memory, and `kubectl top`, ask.
    Addon("metrics-server", settings=json.dumps(_ON_SYSTEM_NODES)),
)
"""What needs a node to run on: EKS calls it degraded before.

The monitoring agent's DCGM host engine tolerates no taint by itself: it would watch no GPU node of ours.
"""

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every kind of control-plane log."""

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""AWS managed policies of nodes. The network plugin has a role of its own, so nodes need no network policy."""

AMI_TYPES = {"arm64": "BOTTLEROCKET_ARM_64", "x86_64": "BOTTLEROCKET_x86_64"}
"""EKS AMI type by processor architecture."""

BIN_PACKING: dict[str, int] = {naming.GPU_TAINT: 10, "cpu": 1, "memory": 1}
"""Weights by which the scheduler fills a node before it takes the next: an idle GPU node can then go."""


def principal_label(role_arn: str) -> str:
    """Part of a logical name that stands for an IAM role: its path and name."""
    return role_arn.partition(":role/")[2].replace("/", "-")


def kubeconfig(name: str, endpoint: str, certificate_authority: str, region: str) -> str:
    """A kubeconfig that asks AWS for a token at each use, so that it holds no secret."""
    sign_in = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"]
    user: dict[str, Any] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "aws",
            "args": sign_in,
            "interactiveMode": "Never",
        }
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority}}
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
