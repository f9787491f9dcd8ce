"""What engines cannot do, and the GPUs that their rollouts need."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec import sizing
from plinth.spec.engines import KServeEngine, RayEngine, TgiEngine, TritonEngine, VllmEngine
from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

DISK_SHARE = 0.7
"""Share of a node's disk that may hold weights; images and logs have the rest."""


def engine_limits(spec: "PlatformSpec") -> Iterator[Problem]:
    """No model asks its engine for what that engine cannot do."""
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel):
            continue
        path, engine = f"models[{index}]", model.engine
        if not isinstance(engine, VllmEngine):
            yield from _only_vllm(path, model)
        if isinstance(engine, TgiEngine) and not model.prefix_caching:
            allowed = "true: the engine tgi always keeps prefixes; vllm and kserve let you choose"
            yield Problem(f"{path}.prefix_caching", False, allowed)
        if isinstance(engine, TritonEngine):
            yield from _triton(path, model, engine)


def _only_vllm(path: str, model: SelfHostedModel) -> Iterator[Problem]:
    """What the platform does with vLLM's own pods, and another engine's controller or server would not."""
    asked: dict[str, object] = {
        "source.kind": model.source.kind if model.source.kind != "s3" else None,
        "parallelism.pipeline": model.parallelism.pipeline if model.parallelism.pipeline > 1 else None,
        "parallelism.data": model.parallelism.data if model.parallelism.data > 1 else None,
        "draft": "given" if model.draft else None,
        "adapters": [adapter.name for adapter in model.adapters] or None,
        "kv_offload_gib": model.kv_offload_gib or None,
        "scale_to_zero": "given" if model.scale_to_zero else None,
        "canary": "given" if model.canary else None,
    }
    for field, value in asked.items():
        if value is not None:
            least = {"source.kind": "'s3'", "parallelism.pipeline": "1", "parallelism.data": "1"}.get(field, "absent")
            allowed = f"{least} with the engine {model.engine.kind}; the engine vllm can do it"
            yield Problem(f"{path}.{field}", value, allowed)


def _triton(path: str, model: SelfHostedModel, engine: TritonEngine) -> Iterator[Problem]:
    if engine.backend == "tensorrtllm" and model.gpus > 1:
        allowed = (
            "1: compiled engines for several GPUs need MPI, which Triton's OpenAI frontend does not start; "
            "backend 'vllm' or the engine vllm would fit"
        )
        yield Problem(f"{path}.parallelism.tensor", model.parallelism.tensor, allowed)
    if not model.prefix_caching:
        allowed = "true: with the engine triton the model repository decides; vllm and kserve let you choose"
        yield Problem(f"{path}.prefix_caching", False, allowed)
    if model.kv_cache_precision != "auto":
        allowed = (
            "'auto': with the engine triton the model repository decides; vllm, kserve, ray and tgi let you choose"
        )
        yield Problem(f"{path}.kv_cache_precision", model.kv_cache_precision, allowed)


def rollout_gpus(spec: "PlatformSpec") -> Iterator[Problem]:
    """Pools have room for a new version where an engine starts it before the old one goes.

    KServe starts one more replica first, unless a quarter of the replicas is at least one that may go; Ray starts a
    second cluster. Models are changed one after the other, so that the largest of them decides.
    """
    for index, pool in enumerate(spec.gpu_pools):
        models = [model for model in spec.models if isinstance(model, SelfHostedModel) and model.pool == pool.name]
        wanted = sum(model.replicas.max * model.gpus for model in models)
        largest = max(models, key=_extra_gpus, default=None)
        if largest is None or not (extra := _extra_gpus(largest)) or wanted > pool.max_gpus:
            continue  # too few for the models themselves is another check's to say
        if wanted + extra > pool.max_gpus:
            how = "a second Ray cluster" if isinstance(largest.engine, RayEngine) else "one more replica"
            allowed = (
                f"at least {wanted + extra}: its models may want {wanted} GPUs, and a new version of {largest.name} "
                f"starts {how} with {extra} before the old one goes"
            )
            yield Problem(f"gpu_pools[{index}].max_gpus", pool.max_gpus, allowed)


def _extra_gpus(model: SelfHostedModel) -> int:
    if isinstance(model.engine, RayEngine):
        return model.replicas.max * model.gpus
    if isinstance(model.engine, KServeEngine) and model.replicas.min < 4:
        return model.gpus
    return 0


def weights_on_disk(spec: "PlatformSpec") -> Iterator[Problem]:
    """Engines that read their weights from files have a disk that holds them."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel) or not isinstance(model.engine, TritonEngine | TgiEngine):
            continue
        if (pool := pools.get(model.pool)) is None:
            continue
        needed = sizing.weights_gib(model)
        if needed > pool.disk_gib * DISK_SHARE:
            least = int(needed / DISK_SHARE) + 1
            allowed = (
                f"a pool with disk_gib of at least {least}: the engine {model.engine.kind} fetches {needed:.0f} GiB of "
                f"weights to the node's disk, and {pool.name} has {pool.disk_gib}; vllm streams them to the GPUs"
            )
            yield Problem(f"models[{index}].pool", model.pool, allowed)
