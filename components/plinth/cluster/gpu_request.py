"""What a pod says to get GPUs of a pool. Pure; every model server and batch job asks here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plinth import naming
from plinth.cluster.node_pool import taint_key
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import EFA, GPU_CLASS, claimed, devices


@dataclass(frozen=True, slots=True)
class Claim:
    """Devices asked for through Dynamic Resource Allocation; the pod's namespace has a template for it."""

    name: str
    """Name of the claim within the pod."""

    device_class: str
    """DeviceClass, for example `gpu.nvidia.com`."""

    count: int
    """Number of devices."""

    def template_spec(self) -> dict[str, Any]:
        """Spec of the ResourceClaimTemplate (resource.k8s.io/v1) that makes such a claim for each pod."""
        exactly = {"deviceClassName": self.device_class, "allocationMode": "ExactCount", "count": self.count}
        return {"spec": {"devices": {"requests": [{"name": self.name, "exactly": exactly}]}}}


@dataclass(frozen=True, slots=True)
class PodGpus:
    """What goes into a pod spec, and into its container, for the GPUs of one pod."""

    resources: Mapping[str, str]
    """Extended resources: both the container's requests and its limits, for example `nvidia.com/gpu: "4"`."""

    claims: Sequence[Claim]
    """Claims of the pod that the container uses; empty but for pools with `sharing: dra`."""

    tolerations: Sequence[dict[str, str]]
    """Tolerations of the pod."""

    node_selector: dict[str, str]
    """Labels of the nodes that it may run on."""

    memory_share: float = 1.0
    """Part of each GPU's memory that is the pod's: less than 1 where pods take turns on a GPU that each sees whole."""


def pod_gpus(pool: GpuPool, gpus: int, *, efa: bool = False) -> PodGpus:
    """What a pod says to get `gpus` units of a pool: whole GPUs, parts or turns of one, or Neuron devices.

    Args:
        pool: GPU pool that the pod runs on.
        gpus: number of units (see `plinth.spec.gpu_devices`).
        efa: whether the pod talks to others over EFA; it gets the share of interfaces that its GPUs are of the node's.

    Raises:
        ValueError: more units than one can have, or EFA on a pool without.
    """
    given = devices(pool)
    if gpus > 1 and not given.splittable:
        raise ValueError(f"pool {pool.name} gives out parts of GPUs: a pod can have one, not {gpus}")
    resources = {} if claimed(pool) else {given.resource: str(gpus)}
    if efa:
        resources[EFA] = str(_efa_interfaces(pool, gpus))
    return PodGpus(
        resources=resources,
        claims=(Claim("gpus", GPU_CLASS, gpus),) if claimed(pool) else (),
        tolerations=(
            {"key": taint_key(pool), "operator": "Exists", "effect": "NoSchedule"},
            {"key": naming.POOL_LABEL, "operator": "Equal", "value": pool.name, "effect": "NoSchedule"},
        ),
        node_selector={naming.POOL_LABEL: pool.name},
        memory_share=given.share,
    )


def _efa_interfaces(pool: GpuPool, gpus: int) -> int:
    if not pool.efa:
        raise ValueError(f"pool {pool.name} has no EFA: set efa to true")
    return max(min(instance.efa * gpus // instance.gpus for instance in pool.instances), 1)
