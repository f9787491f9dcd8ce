"""What GPU and Neuron nodes need installed, decided without Pulumi: only what the pools ask for.

Bottlerocket brings NVIDIA's driver and device plugin, sharing and MIG included, so its nodes need nothing for that.
Nodes of EKS Auto Mode bring everything and are left alone.

One DCGM host engine runs on a node, the EKS node monitoring agent's: two would fight over the GPU's counters. The
exporter has none of its own and asks that one.

Sources: values.yaml of the charts nvidia-device-plugin 0.20, dra-driver-nvidia-gpu 0.4, dcgm-exporter 4.8,
aws-efa-k8s-device-plugin 0.5 and neuron-helm-chart, and the chart of eks-node-monitoring-agent 1.7.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plinth import naming, versions
from plinth.observability import gpu_metrics
from plinth.spec.gpu import GpuPool
from plinth.spec.sharing import Dra, TimeSlicing

HOST_ENGINE_PORT = 5555
"""Port of each node on which the monitoring agent's DCGM host engine listens."""

PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
"""Node label that says which configuration the device plugin uses there."""

EVERYWHERE = [{"operator": "Exists"}]
"""Tolerations of daemons that serve a node's devices."""


@dataclass(frozen=True, slots=True)
class DeviceRelease:
    """A chart of the device layer."""

    label: str
    """Suffix of its logical name."""
    name: str
    """Name of the release, which the charts give to their pods as well."""
    chart: versions.Chart
    values: dict[str, Any]


def plugin_config(pool: GpuPool) -> str | None:
    """Name of the device plugin's configuration on a pool's nodes, where it is not the default."""
    if pool.image == "al2023" and isinstance(pool.sharing, TimeSlicing):
        return f"time-slicing-{pool.sharing.replicas}"
    return None


def releases(pools: Sequence[GpuPool]) -> list[DeviceRelease]:
    """What to install for these pools."""
    return list(_releases([pool for pool in pools if pool.plane == "karpenter"]))


def _releases(pools: Sequence[GpuPool]) -> Iterator[DeviceRelease]:
    nvidia = [pool for pool in pools if not pool.neuron]
    claimed = [pool for pool in nvidia if isinstance(pool.sharing, Dra)]
    if plain := [pool for pool in nvidia if pool.image == "al2023" and pool not in claimed]:
        yield DeviceRelease("plugin", "nvidia-device-plugin", versions.NVIDIA_DEVICE_PLUGIN, _plugin(plain))
    if claimed:
        yield DeviceRelease("dra", "dra-driver-nvidia-gpu", versions.NVIDIA_DRA_DRIVER, _dra(claimed))
    if fabric := [pool for pool in pools if pool.efa]:
        yield DeviceRelease("efa", "aws-efa-k8s-device-plugin", versions.EFA_DEVICE_PLUGIN, _efa(fabric))
    if neuron := [pool for pool in pools if pool.neuron]:
        yield DeviceRelease("neuron", "neuron-device-plugin", versions.NEURON, _neuron(neuron))
    if gpu_metrics.exported(pools):
        yield DeviceRelease(
            "metrics", gpu_metrics.EXPORTER, versions.DCGM_EXPORTER, _exporter(nvidia, claims=bool(claimed))
        )


def _on(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """Affinity to the nodes of these pools."""
    here = {"key": naming.POOL_LABEL, "operator": "In", "values": [pool.name for pool in pools]}
    terms = [{"matchExpressions": [here]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def _plugin(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """NVIDIA's device plugin on Amazon Linux; a node's label chooses how it shares."""
    plain = "version: v1\nflags:\n  migStrategy: none\n"
    turns = {pool.sharing.replicas for pool in pools if isinstance(pool.sharing, TimeSlicing)}
    shared = {f"time-slicing-{replicas}": plain + _turns(replicas) for replicas in sorted(turns)}
    return {
        "config": {"map": {"default": plain, **shared}, "default": "default"},
        "affinity": _on(pools),
        "tolerations": EVERYWHERE,
        "gfd": {"enabled": False},
    }


def _turns(replicas: int) -> str:
    return (
        "sharing:\n  timeSlicing:\n    renameByDefault: true\n    failRequestsGreaterThanOne: true\n"
        f"    resources:\n      - name: nvidia.com/gpu\n        replicas: {replicas}\n"
    )


def _dra(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """NVIDIA's driver for Dynamic Resource Allocation; GPUs only, as no instance of ours spans nodes by NVLink."""
    return {
        "gpuResourcesEnabledOverride": True,
        "nvidiaDriverRoot": "/",
        "resources": {"gpus": {"enabled": True}, "computeDomains": {"enabled": False}},
        "kubeletPlugin": {"affinity": _on(pools), "tolerations": EVERYWHERE},
    }


def _efa(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """The EFA device plugin. It asks for instance types; any node label does, and ours is exact."""
    return {
        "supportedInstanceLabels": {"keys": [naming.POOL_LABEL], "values": [pool.name for pool in pools]},
        "tolerations": EVERYWHERE,
    }


def _neuron(pools: Sequence[GpuPool]) -> dict[str, Any]:
    """The Neuron device plugin; the EKS node monitoring agent watches the devices' health."""
    return {
        "devicePlugin": {"namespaceOverride": naming.NODES_NAMESPACE, "tolerations": EVERYWHERE},
        "scheduler": {"enabled": False},
        "npd": {"enabled": False},
    }


def _exporter(pools: Sequence[GpuPool], *, claims: bool) -> dict[str, Any]:
    """DCGM's metrics for Prometheus; which pods use a GPU it reads from the kubelet's socket."""
    return {
        "arguments": ["-f", "/etc/dcgm-exporter/default-counters.csv", "-r", f"$(NODE_IP):{HOST_ENGINE_PORT}"],
        "extraEnv": [{"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
        "customMetrics": gpu_metrics.counters(),
        "securityContext": {
            # The kubelet's socket is root's.
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "kubernetesDRA": {"enabled": claims},
        "serviceMonitor": {"enabled": False},
        "affinity": _on(pools),
        "tolerations": EVERYWHERE,
    }
