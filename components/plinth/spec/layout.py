"""How the GPUs of a replica lie on nodes. Pure."""

from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices
from plinth.spec.models import SelfHostedModel

HOST_SHARE = 0.7
"""Share of an instance's processors and memory that its model pods request; the rest is the system's."""


def gpus_per_node(pool: GpuPool) -> int:
    """GPUs that the smallest instance of a pool gives out: parts or turns, where the pool shares them."""
    return min(devices(pool).per_instance(facts) for facts in pool.instances)


def nodes_per_replica(model: SelfHostedModel, pool: GpuPool) -> int:
    """Nodes that one replica needs; above 1 it has them to itself."""
    return -(-model.gpus // gpus_per_node(pool))


def gpus_per_pod(model: SelfHostedModel, pool: GpuPool) -> int:
    """GPUs of each of a replica's pods: one pod, or one on each of its nodes."""
    return model.gpus // nodes_per_replica(model, pool)


def host_share(model: SelfHostedModel, pool: GpuPool) -> tuple[float, int]:
    """What one of a replica's pods gets of the smallest instance: its processors, and memory to request, in GiB."""
    gpus = gpus_per_pod(model, pool)
    parts = [(facts, gpus / devices(pool).per_instance(facts)) for facts in pool.instances]
    cpus = min(facts.vcpus * part for facts, part in parts)
    memory = min(facts.memory_gib * part for facts, part in parts)
    return cpus, max(int(memory * HOST_SHARE), 1)


def layout_problem(model: SelfHostedModel, pool: GpuPool) -> tuple[str, str] | None:
    """What is wrong with a replica's place on the nodes of its pool: (field of `parallelism`, what is allowed)."""
    shape, node = model.parallelism, gpus_per_node(pool)
    if model.gpus > 1 and not devices(pool).splittable:
        field = next(name for name in ("tensor", "pipeline", "data") if getattr(shape, name) > 1)
        return field, f"1: pool {pool.name} gives out parts of GPUs ({pool.sharing.kind}), which do not work together"
    if shape.tensor > node:
        return "tensor", f"at most {node}, the GPUs of a node in pool {pool.name}; more nodes take pipeline or data"
    if model.gpus <= node:
        return None
    counts = {facts.gpus for facts in pool.instances}
    if len(counts) > 1:
        return "pipeline", f"at most {node} GPUs in all: the instances of pool {pool.name} differ in their number"
    if model.gpus % node:
        return "pipeline", f"a number of GPUs in all that is a multiple of {node}, the GPUs of a node in {pool.name}"
    stage = shape.tensor * shape.pipeline
    if shape.data > 1 and stage > node:
        return "data", f"1: each of the copies alone ({stage} GPUs) is larger than a node of pool {pool.name} ({node})"
    return None
