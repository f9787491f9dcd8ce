"""EKS, what every workload in it needs, and nodes."""

from dataclasses import dataclass

import pulumi

from plinth import naming, providers
from plinth.batch.ray_operator import ray_operator
from plinth.cluster import auto_mode, crds, flows, nodes
from plinth.cluster.base import ClusterBase
from plinth.cluster.cluster import Cluster
from plinth.cluster.crds import CrdBundle
from plinth.cluster.general_node_pool import GeneralNodePool
from plinth.cluster.gpu_node_pool import GpuNodePool
from plinth.cluster.image_rules import ImageRules
from plinth.cluster.karpenter import Karpenter
from plinth.layers.foundation import Foundation
from plinth.providers import Providers
from plinth.security.secrets import SecretsBridge
from plinth.spec import PlatformSpec


@dataclass(frozen=True)
class ClusterLayer:
    """A cluster that workloads can be put on."""

    cluster: Cluster
    crds: CrdBundle
    base: ClusterBase
    bridge: SecretsBridge
    pools: dict[str, GpuNodePool]
    general: dict[str, GeneralNodePool]
    ray: pulumi.Resource | None
    """KubeRay, for tenants' jobs and for models that Ray serves; None where there are neither."""
    given: Providers
    """The providers, Kubernetes among them."""

    def for_workloads(self) -> pulumi.ResourceOptions:
        """Options of components whose pods need nodes of Karpenter's: they come after these, and go before."""
        return self.given.options(depends_on=list(self.general.values()))


def cluster(spec: PlatformSpec, below: Foundation, given: Providers) -> ClusterLayer:
    """EKS, what every workload in it needs, and GPU nodes."""
    environment = spec.environment
    eks = Cluster(
        "cluster",
        spec.cluster,
        environment=environment,
        network=below.network,
        cluster_key_arn=below.keys.arn["cluster"],
        log_key_arn=below.keys.arn["logs"],
        auto_mode_nodes=auto_mode.wanted(spec.gpu_pools),
        opts=given.options(),
    )
    given = given.with_kubernetes(
        providers.cluster_provider(
            environment,
            kubeconfig=eks.kubeconfig,
            # Two regions have clusters of one name; a dot cannot be in it.
            identifier=pulumi.Output.concat(eks.name, given.label.replace("-", ".", 1)),
            label=given.label,
            ready=eks.ready,
        )
    )
    bundle = CrdBundle(
        "crds",
        environment=environment,
        projects=crds.projects(spec),
        without=crds.brought_by_eks(spec),
        opts=given.options(),
    )
    base = ClusterBase(
        "base",
        environment=environment,
        flows=flows.flows(spec),
        cluster_key_arn=below.keys.arn["cluster"],
        opts=given.options(),
    )
    system = base.namespaces[naming.SYSTEM_NAMESPACE]
    bridge = SecretsBridge(
        "secrets",
        environment=environment,
        cluster_name=eks.name,
        namespace=system,
        secrets_key_arn=below.keys.arn["secrets"],
        opts=given.options(),
    )
    ImageRules(
        "images",
        spec.cluster.images,
        environment=environment,
        cluster_name=eks.name,
        namespace=system,
        after=bundle.of("kyverno"),
        opts=given.options(),
    )
    karpenter = Karpenter(
        "karpenter",
        environment=environment,
        cluster=eks,
        namespace=system,
        crds=bundle.of("karpenter"),
        pools=spec.gpu_pools,
        opts=given.options(),
    )
    pools = nodes.gpu_pools(spec, below.network, eks, karpenter, base.namespaces[naming.NODES_NAMESPACE], given)
    general = nodes.general_pools(spec, below.network, eks, karpenter, given)
    ray = None
    if "kuberay" in crds.projects(spec):
        ray = ray_operator("kuberay", namespace=system, opts=given.options(depends_on=bundle.of("kuberay")))
    return ClusterLayer(eks, bundle, base, bridge, pools, general, ray, given)
