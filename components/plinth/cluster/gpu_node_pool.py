"""A pool of GPU nodes."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from plinth.base import Component
from plinth.cluster import node_pool
from plinth.cluster.auto_nodes import AutoNodes
from plinth.cluster.cluster import Cluster
from plinth.cluster.karpenter import Karpenter
from plinth.cluster.reservations import reservations
from plinth.network.vpc import Network
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool


class GpuNodePool(Component):
    """A NodePool and its node class, run by Karpenter or by EKS Auto Mode: tainted, labelled and limited GPU nodes.

    With them come the capacity that the pool reserves, a closed security group for EFA, and the overlays that tell
    Karpenter how many pods share a GPU.
    """

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
        auto: AutoNodes | None = None,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GpuNodePool", name, section, environment=environment, opts=opts)
        self._name, self._pool = name, section
        zones = section.zones or list(network.private_subnets_by_zone)
        groups: list[pulumi.Output[str]] = [cluster.security_group_id]
        if section.efa:
            groups.append(self._efa_group(network))
        nodes = auto if section.plane == "auto" else karpenter
        if nodes is None:
            raise ValueError(f"pool {section.name} has plane auto, and the cluster is not set up for it")
        place = node_pool.Place(
            role_name=nodes.node_role_name,
            subnet_ids=[network.private_subnets_by_zone[zone] for zone in zones],
            security_group_ids=groups,
            pod_subnet_ids=[subnet for zone, subnet in network.pod_subnets_by_zone.items() if zone in zones],
            volume_key_arn=cluster.volume_key_arn,
            reservation_ids=reservations(self, name, section, environment),
        )
        pool = self._node_pool(place, zones, nodes.ready)
        self.pool_name = pool.id.apply(lambda _: section.name)
        self.register_outputs({"pool_name": self.pool_name})

    def _node_pool(
        self, place: node_pool.Place, zones: Sequence[str], ready: list[pulumi.Resource]
    ) -> k8s.apiextensions.CustomResource:
        pool, environment = self._pool, self._environment
        make_class = node_pool.auto_class if pool.plane == "auto" else node_pool.node_class
        options = self.options(k8s.apiextensions.CustomResource, depends_on=ready)
        before = [
            make_class(pool, environment, place).register(f"{self._name}-class", name=pool.name, opts=options),
            # Before the pool: Karpenter would start nodes for pods that then find no such resource on them.
            *(
                overlay.register(f"{self._name}-overlay-{name}", name=name, opts=options)
                for name, overlay in node_pool.overlays(pool).items()
            ),
        ]
        return node_pool.node_pool(pool, environment, zones).register(
            f"{self._name}-pool",
            name=pool.name,
            # Deleted first: Karpenter can drain and stop the nodes only while their class is there.
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=before),
        )

    def _efa_group(self, network: Network) -> pulumi.Output[str]:
        """EFA's own security group: its traffic needs rules that name the group itself, both ways."""
        group = aws.ec2.SecurityGroup(
            f"{self._name}-efa",
            description=f"EFA traffic within the GPU pool {self._pool.name}",
            vpc_id=network.vpc_id,
            opts=self.options(aws.ec2.SecurityGroup),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-efa-in",
            security_group_id=group.id,
            referenced_security_group_id=group.id,
            description="From nodes of the pool",
            ip_protocol="-1",
            opts=self.options(aws.vpc.SecurityGroupIngressRule),
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-efa-out",
            security_group_id=group.id,
            referenced_security_group_id=group.id,
            description="To nodes of the pool",
            ip_protocol="-1",
            opts=self.options(aws.vpc.SecurityGroupEgressRule),
        )
        return group.id
