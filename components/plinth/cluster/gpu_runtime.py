"""What runs on GPU nodes beside the models."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.cluster import device_layer
from plinth.cluster.device_layer import DeviceRelease
from plinth.observability import gpu_metrics
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool


class GpuRuntime(Component):
    """Device plugins, drivers and metrics of GPU, EFA and Neuron devices: exactly those that the pools need.

    They touch the nodes' devices, so they live in the one namespace whose pods may be privileged.
    """

    releases: dict[str, k8s.helm.v3.Release]
    """The charts installed, by label (`plinth.cluster.device_layer`)."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        pools: Sequence[GpuPool],
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        planned = device_layer.releases(pools)
        section = {"charts": {release.name: release.chart.version for release in planned}}
        super().__init__("GpuRuntime", name, section, environment=environment, opts=opts)
        self._name, self._namespace = name, namespace
        self.releases = {release.label: self._release(release) for release in planned}
        if "metrics" in self.releases:
            self._wall("metrics", _METRICS, [pods.allow_from([_prometheus()], gpu_metrics.EXPORTER_PORT)], _HOST_ENGINE)
        if self.releases.keys() & {"plugin", "dra", "neuron"}:
            # They tell the API server which devices a node has, and read there how to share them.
            self._wall("devices", _DEVICES, [], pods.allow_addresses("0.0.0.0/0", 443))
        self.register_outputs({"charts": section["charts"]})

    def _release(self, release: DeviceRelease) -> k8s.helm.v3.Release:
        repository = release.chart.repository
        return k8s.helm.v3.Release(
            f"{self._name}-{release.label}",
            name=release.name,
            namespace=self._namespace,
            chart=release.chart.name,
            version=release.chart.version,
            repository_opts=k8s.helm.v3.RepositoryOptsArgs(repo=repository) if repository else None,
            values=release.values,
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            opts=self.options(k8s.helm.v3.Release),
        )

    def _wall(
        self,
        label: str,
        chosen: meta.v1.LabelSelectorArgs,
        ingress: list[networking.v1.NetworkPolicyIngressRuleArgs],
        egress: networking.v1.NetworkPolicyEgressRuleArgs,
    ) -> None:
        networking.v1.NetworkPolicy(
            f"{self._name}-{label}-wall",
            metadata=meta.v1.ObjectMetaArgs(name=f"gpu-{label}", namespace=self._namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=chosen, policy_types=["Ingress", "Egress"], ingress=ingress, egress=[egress]
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )


_NAME = "app.kubernetes.io/name"
_METRICS = meta.v1.LabelSelectorArgs(match_labels={_NAME: gpu_metrics.EXPORTER})
_DEVICES = meta.v1.LabelSelectorArgs(
    match_expressions=[meta.v1.LabelSelectorRequirementArgs(key=_NAME, operator="NotIn", values=[gpu_metrics.EXPORTER])]
)
_HOST_ENGINE = pods.allow_addresses("0.0.0.0/0", device_layer.HOST_ENGINE_PORT)


def _prometheus() -> networking.v1.NetworkPolicyPeerArgs:
    return pods.peer(naming.MONITORING_NAMESPACE)
