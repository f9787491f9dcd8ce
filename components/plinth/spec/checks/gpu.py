"""Models fit the GPUs of their pools."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec import fitting, gpu_devices, layout, sizing
from plinth.spec.checks import engines
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices
from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def gpu_fit(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every self-hosted model fits the GPUs of its pool, in number and in memory."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel) or model.pool not in pools:
            continue
        pool = pools[model.pool]
        if problem := layout.layout_problem(model, pool) or fitting.split_problem(model):
            field, allowed = problem
            yield Problem(f"models[{index}].parallelism.{field}", getattr(model.parallelism, field), allowed)
        elif not fitting.fits(model, pool):
            yield Problem(f"models[{index}]", model.name, f"{_shortage(model, pool)}; {_advice(spec, index, pool)}")


def _shortage(model: SelfHostedModel, pool: GpuPool) -> str:
    """How much is missing on the smallest GPU of a pool."""
    facts = min(pool.instances, key=lambda instance: gpu_devices.memory_gib(pool, instance))
    memory = sizing.memory_per_gpu(model, facts, memory_gib=gpu_devices.memory_gib(pool, facts))
    unit = "GPU" if devices(pool).splittable else "part of a GPU"
    return (
        f"at most {memory.usable:.1f} GiB a {unit} on {facts.name} ({facts.gpu}); it needs {memory.needed:.1f} GiB: "
        f"weights {memory.weights:.1f}, KV cache {memory.kv_cache:.1f}, overhead {memory.overhead:.1f}"
    )


def _advice(spec: "PlatformSpec", index: int, pool: GpuPool) -> str:
    before = {str(problem) for problem in _around(spec)}

    def accepts(model: SelfHostedModel, changed: GpuPool) -> bool:
        models = [*spec.models[:index], model, *spec.models[index + 1 :]]
        pools = [changed if other.name == pool.name else other for other in spec.gpu_pools]
        after = _around(spec.model_copy(update={"models": models, "gpu_pools": pools}))
        return all(str(problem) in before for problem in after)

    model = spec.models[index]
    found = fitting.remedies(model, pool, accepts) if isinstance(model, SelfHostedModel) else []
    if not found:
        return "no instance of the catalogue holds it, lower precision, max_context_tokens or concurrent_requests"
    return f"what would fit: {'; or '.join(found)}"


def _around(spec: "PlatformSpec") -> Iterator[Problem]:
    """What else depends on the sizes of models."""
    yield from gpu_capacity(spec)
    yield from host_memory(spec)
    yield from engines.rollout_gpus(spec)
    yield from engines.weights_on_disk(spec)


def gpu_capacity(spec: "PlatformSpec") -> Iterator[Problem]:
    """All replicas of a pool's models fit its limit; interruptible capacity has a second replica."""
    for index, pool in enumerate(spec.gpu_pools):
        models = [model for model in spec.models if isinstance(model, SelfHostedModel) and model.pool == pool.name]
        wanted = sum(model.most_replicas * model.gpus for model in models)
        if wanted > pool.max_gpus * devices(pool).per_gpu:
            parts = " + ".join(f"{model.name} {model.most_replicas} x {model.gpus}" for model in models)
            why = f"its models may want {wanted} GPUs ({parts})"
            if devices(pool).per_gpu > 1:
                why += f", of which each GPU gives {devices(pool).per_gpu}"
            allowed = fitting.at_least(-(-wanted // devices(pool).per_gpu), why)
            yield Problem(f"gpu_pools[{index}].max_gpus", pool.max_gpus, allowed)
    spot = {pool.name for pool in spec.gpu_pools if pool.capacity == ["spot"]}
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel) and model.pool in spot and model.replicas.min == 1:
            allowed = f"at least 2, or 0: pool {model.pool} is all spot, which EC2 takes back with two minutes' notice"
            yield Problem(f"models[{index}].replicas.min", model.replicas.min, allowed)


def host_memory(spec: "PlatformSpec") -> Iterator[Problem]:
    """What is kept of the KV cache leaves half of a replica's host memory to loading weights and to vLLM itself."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel) or model.pool not in pools or not model.kv_offload_gib:
            continue
        pool = pools[model.pool]
        if layout.layout_problem(model, pool):
            continue
        _, memory = layout.host_share(model, pool)
        most = memory * layout.nodes_per_replica(model, pool) // 2
        if model.kv_offload_gib > most:
            allowed = f"at most {most}: half of the host memory that a replica has in pool {pool.name}"
            yield Problem(f"models[{index}].kv_offload_gib", model.kv_offload_gib, allowed)
