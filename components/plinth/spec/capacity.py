"""What a GPU pool has for jobs, once the models that share it are served. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from plinth import catalogue
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel, ServedModel

CPU_SHARE = 0.9
"""Share of a node's processors that pods can have; the rest is the kubelet's, the system's and the node agents'."""

MEMORY_SHARE = 0.85
"""Share of a node's memory that pods can have."""


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """GPUs of one pool."""

    limit: int
    """GPUs that the pool may ever hold."""
    least_served: int
    """GPUs that its models hold at their fewest replicas."""
    most_served: int
    """GPUs that they hold at their most."""

    @property
    def guaranteeable(self) -> int:
        """GPUs that are there for jobs whatever the models do."""
        return max(0, self.limit - self.most_served)

    @property
    def lendable(self) -> int:
        """GPUs that jobs can have at all, in the models' quiet hours."""
        return max(0, self.limit - self.least_served)


def pool_capacity(pools: Sequence[GpuPool], models: Sequence[ServedModel]) -> dict[str, PoolCapacity]:
    """The capacity of each pool, by its name."""
    least = dict.fromkeys([pool.name for pool in pools], 0)
    most = dict(least)
    for model in models:
        if isinstance(model, SelfHostedModel) and model.pool in least:
            least[model.pool] += model.replicas.min * model.gpus
            most[model.pool] += model.replicas.max * model.gpus
    return {pool.name: PoolCapacity(pool.max_gpus, least[pool.name], most[pool.name]) for pool in pools}


@dataclass(frozen=True, slots=True)
class PerGpu:
    """What a pod can have beside each GPU, on the smallest instance type of a pool."""

    cpus: int
    memory_gib: int


def per_gpu(pool: GpuPool) -> PerGpu:
    """The processors and the memory of a node, shared out over its GPUs."""
    instances = [catalogue.instance(name) for name in pool.instance_types]
    return PerGpu(
        cpus=max(1, min(int(item.vcpus * CPU_SHARE / item.gpus) for item in instances)),
        memory_gib=max(1, min(int(item.memory_gib * MEMORY_SHARE / item.gpus) for item in instances)),
    )
