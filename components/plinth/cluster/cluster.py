"""The EKS cluster."""

import pulumi

from plinth.base import Component
from plinth.network.vpc import Network
from plinth.spec.cluster import Cluster as ClusterSection
from plinth.spec.environment import Environment


class Cluster(Component):
    """An EKS cluster: private, encrypted, API-only authentication, with add-ons and system nodes."""

    name: pulumi.Output[str]
    """Name of the cluster."""

    endpoint: pulumi.Output[str]
    """Address of the Kubernetes API."""

    certificate_authority: pulumi.Output[str]
    """Certificate authority of the API, base64."""

    security_group_id: pulumi.Output[str]
    """Security group of control plane, nodes and pods."""

    node_role_arn: pulumi.Output[str]
    """ARN of the system nodes' role."""

    node_role_name: pulumi.Output[str]
    """Name of the system nodes' role."""

    kubeconfig: pulumi.Output[str]
    """Kubeconfig (JSON) that signs in with `aws eks get-token`; holds no secret."""

    version: pulumi.Output[str]
    """Kubernetes version."""

    ready: list[pulumi.Resource]
    """What must exist before a pod can run: access entries, nodes and add-ons."""

    def __init__(
        self,
        name: str,
        section: ClusterSection,
        *,
        environment: Environment,
        network: Network,
        cluster_key_arn: pulumi.Input[str],
        log_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Cluster", name, section, environment=environment, opts=opts)
