"""What a pod says to get GPUs of a pool. Pure; every model server and batch job asks here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plinth import naming
from plinth.spec.gpu import GpuPool


@dataclass(frozen=True, slots=True)
class Claim:
    """Devices asked for through Dynamic Resource Allocation; the pod's namespace has a template for it."""

    name: str
    """Name of the claim within the pod."""

    device_class: str
    """DeviceClass, for example `gpu.nvidia.com`."""

    count: int
    """Number of devices."""


@dataclass(frozen=True, slots=True)
class PodGpus:
    """What goes into a pod spec, and into its container, for the GPUs of one pod."""

    resources: Mapping[str, str]
    """Extended resources: both the container's requests and its limits, for example `nvidia.com/gpu: "4"`."""

    claims: Sequence[Claim]
    """Claims of the pod that the container uses."""

    tolerations: Sequence[dict[str, str]]
    """Tolerations of the pod."""

    node_selector: dict[str, str]
    """Labels of the nodes that it may run on."""


def pod_gpus(pool: GpuPool, gpus: int) -> PodGpus:
    """What a pod says to get `gpus` whole GPUs of a pool."""
    return PodGpus(
        resources={naming.GPU_TAINT: str(gpus)},
        claims=(),
        tolerations=({"key": naming.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"},),
        node_selector={naming.POOL_LABEL: pool.name},
    )
