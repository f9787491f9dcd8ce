"""What runs on GPU nodes beside the models."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from plinth.base import Component
from plinth.cluster import device_layer
from plinth.cluster.device_layer import DeviceRelease
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool


class GpuRuntime(Component):
    """Device plugins, drivers and metrics of GPU, EFA and Neuron devices: exactly those that the pools need.

    They touch the nodes' devices, so they live in the one namespace whose pods may be privileged; whom they talk to
    is in `plinth.cluster.flows`.
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
