"""Models fit the GPUs of their pools."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth import catalogue
from plinth.spec import gpu_devices, layout, sizing
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
        if problem := layout.layout_problem(model, pool):
            field, allowed = problem
            yield Problem(f"models[{index}].parallelism.{field}", getattr(model.parallelism, field), allowed)
            continue
        for instance in pool.instances:
            memory_gib = gpu_devices.memory_gib(pool, instance)
            if not (memory := sizing.memory_per_gpu(model, instance, memory_gib=memory_gib)).fits:
                yield Problem(f"models[{index}]", model.name, _memory_advice(model, pool, instance, memory))


def _memory_advice(
    model: SelfHostedModel, pool: GpuPool, instance: catalogue.GpuInstance, memory: sizing.Memory
) -> str:
    fitting = sizing.fitting_tensor_parallel(model, instance) if devices(pool).splittable else None
    if not devices(pool).splittable:
        unit = sizing.memory_per_gpu(model, instance)
        advice = "a pool with sharing none would fit" if unit.fits else "it does not fit a whole GPU of the pool either"
        return f"{_shortage(instance, memory)}; {advice}"
    advice = (
        f"parallelism.tensor {fitting} would fit"
        if fitting
        else f"no number of its {instance.gpus} GPUs fits: lower concurrent_requests or max_context_tokens, use a "
        "smaller precision or larger GPUs"
    )
    return f"{_shortage(instance, memory)}; {advice}"


def _shortage(instance: catalogue.GpuInstance, memory: sizing.Memory) -> str:
    return (
        f"at most {memory.usable:.0f} GiB a GPU on {instance.name} ({instance.gpu}); it needs {memory.needed:.0f} GiB: "
        f"weights {memory.weights:.0f}, KV cache {memory.kv_cache:.0f}, overhead {memory.overhead:.0f}"
    )


def gpu_capacity(spec: "PlatformSpec") -> Iterator[Problem]:
    """All replicas of a pool's models fit its limit; interruptible capacity has a second replica."""
    for index, pool in enumerate(spec.gpu_pools):
        models = [model for model in spec.models if isinstance(model, SelfHostedModel) and model.pool == pool.name]
        wanted = sum(model.most_replicas * model.gpus for model in models)
        if wanted > pool.max_gpus * devices(pool).per_gpu:
            parts = " + ".join(f"{model.name} {model.most_replicas} x {model.gpus}" for model in models)
            allowed = f"at least {-(-wanted // devices(pool).per_gpu)}: its models may want {wanted} GPUs ({parts})"
            if devices(pool).per_gpu > 1:
                allowed += f", of which each GPU gives {devices(pool).per_gpu}"
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
