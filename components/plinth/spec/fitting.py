"""What would make a model fit: other sizes on its own pool, or another pool. Whoever follows it gets a valid spec."""

from collections.abc import Callable, Iterator
from functools import cache

from plinth import catalogue
from plinth.spec import gpu_devices, layout, sizing
from plinth.spec.capacity import starting_gpus
from plinth.spec.gpu import GpuPool
from plinth.spec.models import Parallelism, SelfHostedModel

SIZES = (1, 2, 4, 8, 16)
"""Numbers of GPUs that may share every layer."""

STAGES = (1, 2, 3, 4, 6, 8)
"""Numbers of nodes that a pipeline on a pool of its own may have."""

CONTEXT_STEP = 256
"""Advice on the context is a multiple of this, in tokens."""

LEAST_CONTEXT, MOST_GPUS = 512, 1024
"""What the spec allows: `max_context_tokens` at least, `max_gpus` at most."""

Accepts = Callable[[SelfHostedModel, GpuPool], bool]
"""Whether the rest of the spec goes with a changed model on a changed pool."""


def at_least(gpus: int, why: str) -> str:
    """What is allowed as `max_gpus` of a pool that needs so many; more than the spec allows is no advice."""
    if gpus <= MOST_GPUS:
        return f"at least {gpus}: {why}"
    return f"at most {MOST_GPUS}, and fewer replicas, or some of the models on another pool: {why}"


def fits(model: SelfHostedModel, pool: GpuPool) -> bool:
    """Whether every instance type of a pool holds a replica, in number of GPUs and in memory."""
    if layout.layout_problem(model, pool) or split_problem(model):
        return False
    return all(
        sizing.memory_per_gpu(model, instance, memory_gib=gpu_devices.memory_gib(pool, instance)).fits
        for instance in pool.instances
    )


def split_problem(model: SelfHostedModel) -> tuple[str, str] | None:
    """What is wrong with how a model is divided: (field of `parallelism`, what is allowed)."""
    shape = model.architecture
    if not sizing.divides(model, model.parallelism.tensor):
        sizes = ", ".join(str(size) for size in range(1, 17) if sizing.divides(model, size))
        heads = f"{shape.attention_heads or '?'} attention heads and {shape.kv_heads} key and value heads"
        return "tensor", f"one of {sizes}: each GPU gets as many of its heads ({heads}), or several share one"
    if model.parallelism.pipeline > shape.layers:
        return "pipeline", f"at most {shape.layers}, its layers"
    return None


def remedies(model: SelfHostedModel, pool: GpuPool, accepts: Accepts) -> list[str]:
    """Each change that alone makes a model fit, in the words of the spec."""
    found = list(_more_gpus(model, pool, accepts))
    if model.kv_cache_precision == "auto" and _good(_changed(model, kv_cache_precision="fp8"), pool, accepts):
        found.append("kv_cache_precision fp8")
    found += _fewer(model, pool, accepts, "concurrent_requests", 1, 1)
    found += _fewer(model, pool, accepts, "max_context_tokens", CONTEXT_STEP, LEAST_CONTEXT)
    return found + list(_other_pool(model))


def _fewer(model: SelfHostedModel, pool: GpuPool, accepts: Accepts, field: str, step: int, least: int) -> Iterator[str]:
    """The largest smaller value of a field with which the model fits."""

    def changed(steps: int) -> SelfHostedModel:
        return _changed(model, **{field: steps * step})

    low, high = 0, -(-getattr(model, field) // step)
    while high - low > 1:  # more never fits better
        middle = (low + high) // 2
        low, high = (middle, high) if fits(changed(middle), pool) else (low, middle)
    if low * step >= least and accepts(changed(low), pool):
        yield f"{field} {low * step}"


def _more_gpus(model: SelfHostedModel, pool: GpuPool, accepts: Accepts) -> Iterator[str]:
    """The smallest number of GPUs on the same pool, with a higher limit where the pool's own is too low for it."""
    for size in SIZES:
        shape = model.parallelism.model_copy(update={"tensor": size})
        larger = _changed(model, parallelism=shape)
        if size <= model.parallelism.tensor or not fits(larger, pool):
            continue
        if accepts(larger, pool):
            yield f"parallelism.tensor {size}"
            return
        more = model.most_replicas * (larger.gpus - model.gpus)
        for limit in (pool.max_gpus + more, pool.max_gpus + more + starting_gpus(larger)):
            raised = pool.model_copy(update={"max_gpus": min(limit, MOST_GPUS)})
            if accepts(larger, raised):
                yield f"parallelism.tensor {size} with max_gpus {raised.max_gpus} of pool {pool.name}"
                return


def _other_pool(model: SelfHostedModel) -> Iterator[str]:
    """The cheapest instance type, and the fewest of its GPUs, that hold a replica."""
    for stages in STAGES if not model.draft else (1,):
        for instance in by_price():
            for size in SIZES if stages == 1 else (instance.gpus,):
                moved = _changed(model, parallelism=Parallelism(tensor=size, pipeline=stages))
                limit = max(model.most_replicas * moved.gpus + starting_gpus(moved), instance.gpus)
                if size > instance.gpus or limit > MOST_GPUS:
                    continue
                pool = GpuPool.model_construct(
                    name=model.pool, instance_types=[instance.name], max_gpus=limit, **_POOL_DEFAULTS
                )
                if fits(moved, pool):
                    pipeline = f", pipeline: {stages}" if stages > 1 else ""
                    divided = f"parallelism {{tensor: {size}{pipeline}}}"
                    yield f"another pool with instance_types [{instance.name}], max_gpus {limit} and {divided}"
                    return


_POOL_DEFAULTS = {
    name: field.get_default(call_default_factory=True)
    for name, field in GpuPool.model_fields.items()
    if not field.is_required()
}


@cache
def by_price() -> list[catalogue.GpuInstance]:
    """Instances with NVIDIA GPUs whose price is known, cheapest first."""
    priced = [i for i in catalogue.instances().values() if i.maker == "nvidia" and i.usd_per_hour]
    return sorted(priced, key=lambda instance: (min(instance.usd_per_hour.values()), instance.name))


def _good(model: SelfHostedModel, pool: GpuPool, accepts: Accepts) -> bool:
    return fits(model, pool) and accepts(model, pool)


def _changed(model: SelfHostedModel, **changes: object) -> SelfHostedModel:
    return model.model_copy(update=changes)
