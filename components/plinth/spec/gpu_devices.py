"""What the device plugins of a pool give out, and how much memory one of it has. Pure.

Sources: NVIDIA device plugin (sharing, MIG), Bottlerocket issue 4483 (MIG is advertised as `nvidia.com/gpu`),
AWS Neuron documentation (Kubernetes device plugin), Karpenter documentation ("Scheduling", accelerator resources).
"""

from dataclasses import dataclass

from plinth import catalogue
from plinth.spec.gpu import GpuPool
from plinth.spec.sharing import Dra, Mig, TimeSlicing

GPU = "nvidia.com/gpu"
"""A GPU, or with MIG a part of one."""

SHARED_GPU = "nvidia.com/gpu.shared"
"""A turn on a time-sliced GPU: named apart, so that nobody takes it for a GPU."""

NEURON = "aws.amazon.com/neuron"
"""A Neuron device."""

EFA = "vpc.amazonaws.com/efa"
"""An EFA interface."""

GPU_CLASS = "gpu.nvidia.com"
"""DeviceClass of whole GPUs (Dynamic Resource Allocation)."""


@dataclass(frozen=True, slots=True)
class Devices:
    """One unit of what a pool gives out."""

    resource: str
    """Extended resource that counts it on a node. With DRA no pod asks for it: pods claim."""

    per_gpu: int
    """Units of one GPU."""

    share: float
    """Part of its GPU's memory that a unit may use when it sees the whole GPU: less than 1 with time-slicing."""

    splittable: bool
    """Whether one model may spread over several units."""

    def per_instance(self, instance: catalogue.GpuInstance) -> int:
        """Units of one instance."""
        return instance.gpus * self.per_gpu


def devices(pool: GpuPool) -> Devices:
    """What a pool gives out."""
    sharing = pool.sharing
    if isinstance(sharing, Mig):
        return Devices(GPU, _profile(pool, sharing).per_gpu, 1, splittable=False)
    if isinstance(sharing, TimeSlicing):
        return Devices(SHARED_GPU, sharing.replicas, 1 / sharing.replicas, splittable=False)
    return Devices(NEURON if pool.neuron else GPU, 1, 1, splittable=True)


def memory_gib(pool: GpuPool, instance: catalogue.GpuInstance) -> float:
    """Memory of a unit on one of the pool's instances."""
    if isinstance(pool.sharing, Mig):
        return _profile(pool, pool.sharing).memory_gib
    return instance.gpu_memory_gib * devices(pool).share


def _profile(pool: GpuPool, sharing: Mig) -> catalogue.MigProfile:
    profile = pool.instances[0].mig_profile(sharing.profile)
    if profile is None:
        raise ValueError(f"{pool.instances[0].gpu} has no MIG profile {sharing.profile}")
    return profile


def claimed(pool: GpuPool) -> bool:
    """Whether pods claim the devices (Dynamic Resource Allocation), and do not just count them."""
    return isinstance(pool.sharing, Dra)
