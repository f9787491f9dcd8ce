"""What engines cannot do, and the GPUs that their rollouts need."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec import fitting, sizing
from plinth.spec.capacity import starting_gpus
from plinth.spec.engines import Engine, KServeEngine, RayEngine, TgiEngine, TritonEngine, VllmEngine
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem
from plinth.spec.weights import Source

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

DISK_SHARE = 0.7
"""Share of a node's disk that may hold weights; images and logs have the rest."""


def engine_limits(spec: "PlatformSpec") -> Iterator[Problem]:
    """No model, and no revision of it, asks its engine for what that engine cannot do."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel):
            engines = [("engine", model.engine, model.source)]
            if model.canary:
                canary = model.canary
                engines.append(("canary.engine", canary.engine or model.engine, canary.source or model.source))
            for field, engine, source in engines:
                for where, value, allowed in _limits(model, engine, source, pools.get(model.pool)):
                    yield Problem(f"models[{index}].{where or field}", value, allowed)


def _limits(
    model: SelfHostedModel, engine: Engine, source: Source, pool: GpuPool | None
) -> Iterator[tuple[str, object, str]]:
    """What this engine cannot do of what the model asks: field, its value, and what is allowed."""
    kind = engine.kind
    if isinstance(engine, VllmEngine):
        return
    for field in ("pipeline", "data"):
        if (value := getattr(model.parallelism, field)) > 1:
            yield f"parallelism.{field}", value, f"1: the engine {kind} has one pod a replica; vllm would fit"
    if not isinstance(engine, TgiEngine) and model.scale_to_zero:
        allowed = f"at least 1: the engine {kind} does not start from nothing here; vllm and tgi would fit"
        yield "replicas.min", model.replicas.min, allowed
    if isinstance(engine, KServeEngine):
        return
    if model.draft:
        yield "draft", model.draft.path, f"none: the engine {kind} has no draft models here; vllm and kserve would fit"
    if model.adapters:
        allowed = f"none: the engine {kind} has no adapters here; vllm and kserve would fit"
        yield "adapters", [adapter.name for adapter in model.adapters], allowed
    if source.bucket_path is None:
        yield (
            "source.kind",
            source.kind,
            f"'s3' or 'hugging_face': the engine {kind} takes no images of weights; vllm and kserve would fit",
        )
    if pool and pool.sharing.kind == "dra":
        yield "pool", pool.name, f"a pool without sharing 'dra': the engine {kind} makes no claims; vllm would fit"
    if isinstance(engine, TritonEngine | TgiEngine):
        yield from _file_limits(model, engine)


def _file_limits(model: SelfHostedModel, engine: TritonEngine | TgiEngine) -> Iterator[tuple[str, object, str]]:
    if not model.prefix_caching:
        allowed = f"true: the engine {engine.kind} decides itself; vllm, kserve and ray let you choose"
        yield "prefix_caching", False, allowed
    if model.kv_offload_gib:
        yield (
            "kv_offload_gib",
            model.kv_offload_gib,
            f"0: the engine {engine.kind} cannot; vllm, kserve and ray would fit",
        )
    if isinstance(engine, TgiEngine):
        return
    if engine.backend == "tensorrtllm" and model.parallelism.tensor > 1:
        allowed = (
            "1: compiled engines for several GPUs need MPI, which Triton's OpenAI frontend does not start; "
            "backend 'vllm' or the engine vllm would fit"
        )
        yield "parallelism.tensor", model.parallelism.tensor, allowed
    if model.kv_cache_precision != "auto":
        allowed = (
            "'auto': with the engine triton the model repository decides; vllm, kserve, ray and tgi let you choose"
        )
        yield "kv_cache_precision", model.kv_cache_precision, allowed


def rollout_gpus(spec: "PlatformSpec") -> Iterator[Problem]:
    """Pools have room for a new version where an engine starts it before the old one goes.

    Models are changed one after the other, so that the largest of them decides.
    """
    for index, pool in enumerate(spec.gpu_pools):
        models = [model for model in spec.models if isinstance(model, SelfHostedModel) and model.pool == pool.name]
        wanted = sum(model.most_replicas * model.gpus for model in models)
        largest = max(models, key=starting_gpus, default=None)
        if largest is None or not (extra := starting_gpus(largest)) or wanted > pool.max_gpus:
            continue  # too few for the models themselves is another check's to say
        if wanted + extra > pool.max_gpus:
            how = "a second Ray cluster" if isinstance(largest.engine, RayEngine) else "one more replica"
            why = (
                f"its models may want {wanted} GPUs, and a new version of {largest.name} "
                f"starts {how} with {extra} before the old one goes"
            )
            yield Problem(f"gpu_pools[{index}].max_gpus", pool.max_gpus, fitting.at_least(wanted + extra, why))


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
