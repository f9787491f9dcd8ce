"""The nodes of an environment, beyond the system's own."""

import pulumi

from plinth.cluster import auto_mode, device_layer
from plinth.cluster.auto_nodes import AutoNodes
from plinth.cluster.cluster import Cluster
from plinth.cluster.general_node_pool import GeneralNodePool
from plinth.cluster.gpu_node_pool import GpuNodePool
from plinth.cluster.gpu_runtime import GpuRuntime
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.providers import Providers
from plinth.spec import PlatformSpec


def general_pools(
    spec: PlatformSpec, network: Network, eks: Cluster, karpenter: Karpenter, given: Providers
) -> dict[str, GeneralNodePool]:
    """Nodes for whatever needs no GPU, by the name of their pool."""
    return {
        pool.name: GeneralNodePool(
            f"general-{pool.name}",
            pool,
            environment=spec.environment,
            cluster=eks,
            karpenter=karpenter,
            network=network,
            opts=given.options(),
        )
        for pool in spec.cluster.general_pools
    }


def gpu_pools(
    spec: PlatformSpec,
    network: Network,
    eks: Cluster,
    karpenter: Karpenter,
    nodes_namespace: pulumi.Output[str],
    given: Providers,
) -> dict[str, GpuNodePool]:
    """GPU nodes by the name of their pool, and what has to run on them."""
    auto = None
    if auto_mode.wanted(spec.gpu_pools):
        auto = AutoNodes("auto", environment=spec.environment, cluster=eks, opts=given.options())
    made = {
        pool.name: GpuNodePool(
            f"pool-{pool.name}",
            pool,
            environment=spec.environment,
            cluster=eks,
            karpenter=karpenter,
            auto=auto,
            network=network,
            opts=given.options(),
        )
        for pool in spec.gpu_pools
    }
    if device_layer.releases(spec.gpu_pools):
        GpuRuntime(
            "gpu",
            environment=spec.environment,
            pools=spec.gpu_pools,
            namespace=nodes_namespace,
            opts=given.options(),
        )
    return made
