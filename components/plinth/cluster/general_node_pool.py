"""A pool of nodes without GPUs."""

import pulumi
import pulumi_kubernetes as k8s

from plinth.base import Component
from plinth.cluster import general_pool
from plinth.cluster.cluster import Cluster
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec.environment import Environment
from plinth.spec.general_pools import GeneralPool


class GeneralNodePool(Component):
    """A Karpenter NodePool and its EC2NodeClass: labelled and limited nodes for whatever needs no GPU."""

    pool_name: pulumi.Output[str]
    """Name of the NodePool, also the value of the label `naming.POOL_LABEL`; known once it exists."""

    def __init__(
        self,
        name: str,
        section: GeneralPool,
        *,
        environment: Environment,
        cluster: Cluster,
        karpenter: Karpenter,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GeneralNodePool", name, section, environment=environment, opts=opts)
        zones = section.zones or list(network.private_subnets_by_zone)
        node_class = general_pool.node_class(
            section,
            environment,
            node_role_name=karpenter.node_role_name,
            subnet_ids=[network.private_subnets_by_zone[zone] for zone in zones],
            security_group_id=cluster.security_group_id,
            volume_key_arn=cluster.volume_key_arn,
        ).register(
            f"{name}-class",
            name=section.name,
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=karpenter.ready),
        )
        pool = general_pool.node_pool(section, environment, zones).register(
            f"{name}-pool",
            name=section.name,
            # Deleted first: Karpenter can drain and stop the nodes only while their class is there.
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[node_class]),
        )
        self.pool_name = pool.id.apply(lambda _: section.name)
        self.register_outputs({"pool_name": self.pool_name})
