"""An EKS cluster that somebody else made."""

from typing import Annotated, Literal

from plinth.spec.base import Model, RoleArn, matches

AddonName = Literal[
    "vpc-cni",
    "kube-proxy",
    "eks-pod-identity-agent",
    "coredns",
    "aws-ebs-csi-driver",
    "eks-node-monitoring-agent",
    "metrics-server",
]
"""An EKS add-on that the platform needs."""


class ExistingCluster(Model):
    """An EKS cluster that is there already: it is used as it is, and nothing of it is changed but what is named here.

    It runs `kubernetes_version`, takes access entries, gives the deployer administrator access, has nodes for system
    pods, and no Karpenter of its own.
    """

    name: Annotated[
        str,
        matches(
            r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$", "the name of an EKS cluster: letters, digits, dashes and underscores"
        ),
    ]
    """Name of the cluster."""

    node_role: RoleArn
    """IAM role of its system nodes."""

    endpoint: Annotated[str, matches(r"^https://[^\s/]+$", "an address that begins with https://")] | None = None
    """Address of its Kubernetes API. Empty: looked up in AWS."""

    certificate_authority: (
        Annotated[str, matches(r"^[0-9A-Za-z+/]+={0,2}$", "a certificate in base64, as EKS gives it")] | None
    ) = None
    """Certificate authority of its API, base64. Empty: looked up in AWS."""

    security_group_id: (
        Annotated[str, matches(r"^sg-[0-9a-f]{8,17}$", "the id of a security group, for example sg-0a1b2c3d4e5f60718")]
        | None
    ) = None
    """Security group of its control plane, nodes and pods. Empty: looked up in AWS."""

    addons: list[AddonName] = []
    """EKS add-ons that the platform installs and keeps. The others must be there already."""

    @property
    def is_looked_up(self) -> bool:
        """Whether something about it has to be asked of AWS."""
        return None in (self.endpoint, self.certificate_authority, self.security_group_id)
