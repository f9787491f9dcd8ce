"""A pool of GPU nodes."""

import pulumi

from plinth.base import Component
from plinth.cluster.cluster import Cluster
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool


class GpuNodePool(Component):
    """A Karpenter NodePool and its EC2NodeClass: tainted, labelled and limited GPU nodes."""

    pool_name: pulumi.Output[str]
    """Name of the NodePool, also the value of the label `naming.POOL_LABEL`; known once it exists."""

    def __init__(
        self,
        name: str,
        section: GpuPool,
        *,
        environment: Environment,
        cluster: Cluster,
        karpenter: Karpenter,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GpuNodePool", name, section, environment=environment, opts=opts)
