"""How the GPUs of a replica lie on nodes. Pure."""

from plinth import catalogue
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel

HOST_SHARE = 0.7
"""Share of an instance's processors and memory that its model pods request; the rest is the system's."""


def gpus_per_node(pool: GpuPool) -> int:
    """GPUs of the smallest instance of a pool."""
    return min(catalogue.instance(name).gpus for name in pool.instance_types)


def nodes_per_replica(model: SelfHostedModel, pool: GpuPool) -> int:
    """Nodes that one replica needs; above 1 it has them to itself."""
    return -(-model.gpus // gpus_per_node(pool))


def gpus_per_pod(model: SelfHostedModel, pool: GpuPool) -> int:
    """GPUs of each of a replica's pods: one pod, or one on each of its nodes."""
    return model.gpus // nodes_per_replica(model, pool)


def host_share(model: SelfHostedModel, pool: GpuPool) -> tuple[float, int]:
    """What one of a replica's pods gets of the smallest instance: its processors, and memory to request, in GiB."""
    gpus = gpus_per_pod(model, pool)
    facts = [catalogue.instance(name) for name in pool.instance_types]
    cpus = min(fact.vcpus * gpus / fact.gpus for fact in facts)
    memory = min(fact.memory_gib * gpus / fact.gpus for fact in facts)
    return cpus, max(int(memory * HOST_SHARE), 1)


def layout_problem(model: SelfHostedModel, pool: GpuPool) -> tuple[str, str] | None:
    """What is wrong with a replica's place on the nodes of its pool: (field of `parallelism`, what is allowed)."""
    shape, node = model.parallelism, gpus_per_node(pool)
    if shape.tensor > node:
        return "tensor", f"at most {node}, the GPUs of a node in pool {pool.name}; more nodes take pipeline or data"
    if model.gpus <= node:
        return None
    counts = {catalogue.instance(name).gpus for name in pool.instance_types}
    if len(counts) > 1:
        return "pipeline", f"at most {node} GPUs in all: the instances of pool {pool.name} differ in their number"
    if model.gpus % node:
        return "pipeline", f"a number of GPUs in all that is a multiple of {node}, the GPUs of a node in {pool.name}"
    stage = shape.tensor * shape.pipeline
    if shape.data > 1 and stage > node:
        return "data", f"1: each of the copies alone ({stage} GPUs) is larger than a node of pool {pool.name} ({node})"
    return None
