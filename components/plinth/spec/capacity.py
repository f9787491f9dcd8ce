"""What models take of GPU pools, and what is left for jobs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from plinth import catalogue
from plinth.spec.engines import KServeEngine, RayEngine
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
    """GPUs that its models, and their canaries, hold at their fewest replicas."""
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
            least[model.pool] += model.least_replicas * model.gpus
            most[model.pool] += model.most_replicas * model.gpus
    return {pool.name: PoolCapacity(pool.max_gpus, least[pool.name], most[pool.name]) for pool in pools}


def starting_gpus(model: SelfHostedModel) -> int:
    """GPUs on which a new version of a model starts before the old one goes.

    KServe starts one more replica first, unless a quarter of the replicas is at least one that may go; Ray starts a
    second cluster.
    """
    if isinstance(model.engine, RayEngine):
        return model.replicas.max * model.gpus
    if isinstance(model.engine, KServeEngine) and model.replicas.min < 4:
        return model.gpus
    return 0


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
