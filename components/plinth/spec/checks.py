"""Checks across sections: each gives every problem it finds, and needs no cloud."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from plinth import catalogue
from plinth.spec import sizing
from plinth.spec.models import DevelopmentModel, HostedModel, SelfHostedModel
from plinth.spec.problem import Problem, nearest

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

Sections = tuple[str, ...]
"""Names of sections of the spec."""


def unique_names(spec: "PlatformSpec") -> Iterator[Problem]:
    """Names within a list are unique."""
    lists: dict[str, Sequence[str]] = {
        "gpu_pools": [pool.name for pool in spec.gpu_pools],
        "storage.buckets": [bucket.name for bucket in spec.storage.buckets],
        "vector.collections": [collection.name for collection in spec.vector.collections],
        "models": [model.name for model in spec.models],
        "gateway.routes": [route.name for route in spec.gateway.routes],
        "tenants": [tenant.name for tenant in spec.tenants],
    }
    for path, names in lists.items():
        counts = Counter(names)
        for index, name in enumerate(names):
            if counts[name] > 1 and names.index(name) < index:
                first = names.index(name)
                yield Problem(f"{path}[{index}].name", name, f"a name that {path}[{first}] does not have already")


def references(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every name that refers to something refers to something that exists."""
    pools = [pool.name for pool in spec.gpu_pools]
    models = [model.name for model in spec.models]
    routes = [route.name for route in spec.gateway.routes]
    for index, pool in enumerate(spec.gpu_pools):
        for zone in pool.zones:
            yield from _one_of(f"gpu_pools[{index}].zones", zone, spec.network.zones, "zones of the network")
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel):
            yield from _one_of(f"models[{index}].pool", model.pool, pools, "GPU pools")
    for index, route in enumerate(spec.gateway.routes):
        for number, target in enumerate(route.targets):
            path = f"gateway.routes[{index}].targets[{number}].model"
            yield from _one_of(path, target.model, models, "models")
    for index, tenant in enumerate(spec.tenants):
        for number, name in enumerate(tenant.routes):
            yield from _one_of(f"tenants[{index}].routes[{number}]", name, routes, "gateway routes")


def _one_of(path: str, value: str, allowed: Sequence[str], what: str) -> Iterator[Problem]:
    if value not in allowed:
        known = f"one of the {what}: {', '.join(allowed)}" if allowed else f"one of the {what}, of which there are none"
        yield Problem(path, value, known, nearest(value, allowed))


def gpu_fit(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every self-hosted model fits the GPUs of its pool, in number and in memory."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel) or model.pool not in pools:
            continue
        for name in pools[model.pool].instance_types:
            instance = catalogue.instance(name)
            if model.gpus > instance.gpus:
                yield Problem(
                    f"models[{index}].parallelism.tensor",
                    model.parallelism.tensor,
                    f"at most {instance.gpus}, the GPUs of {name} in pool {model.pool}",
                )
            elif not (memory := sizing.memory_per_gpu(model, instance)).fits:
                yield Problem(f"models[{index}]", model.name, _memory_advice(model, instance, memory))


def _memory_advice(model: SelfHostedModel, instance: catalogue.GpuInstance, memory: sizing.Memory) -> str:
    fitting = sizing.fitting_tensor_parallel(model, instance)
    advice = (
        f"parallelism.tensor {fitting} would fit"
        if fitting
        else f"no number of its {instance.gpus} GPUs fits: lower concurrent_requests or max_context_tokens, use a "
        "smaller precision or larger GPUs"
    )
    return (
        f"at most {memory.usable:.0f} GiB a GPU on {instance.name} ({instance.gpu}); it needs {memory.needed:.0f} GiB: "
        f"weights {memory.weights:.0f}, KV cache {memory.kv_cache:.0f}, overhead {memory.overhead:.0f}; {advice}"
    )


def gpu_capacity(spec: "PlatformSpec") -> Iterator[Problem]:
    """All replicas of a pool's models fit its limit; interruptible capacity has a second replica."""
    for index, pool in enumerate(spec.gpu_pools):
        models = [model for model in spec.models if isinstance(model, SelfHostedModel) and model.pool == pool.name]
        wanted = sum(model.replicas.max * model.gpus for model in models)
        if wanted > pool.max_gpus:
            parts = " + ".join(f"{model.name} {model.replicas.max} x {model.gpus}" for model in models)
            allowed = f"at least {wanted}: its models may want that many GPUs ({parts})"
            yield Problem(f"gpu_pools[{index}].max_gpus", pool.max_gpus, allowed)
    spot = {pool.name for pool in spec.gpu_pools if pool.capacity == ["spot"]}
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel) and model.pool in spot and model.replicas.min < 2:
            allowed = f"at least 2: pool {model.pool} is all spot, which EC2 takes back with two minutes' notice"
            yield Problem(f"models[{index}].replicas.min", model.replicas.min, allowed)


def weights_bucket(spec: "PlatformSpec") -> Iterator[Problem]:
    """Self-hosted models have a bucket to load weights from."""
    buckets = [bucket.name for bucket in spec.storage.buckets]
    if any(isinstance(model, SelfHostedModel) for model in spec.models) and "models" not in buckets:
        yield Problem(
            "storage.buckets", buckets, "a list with the bucket models: self-hosted models load their weights from it"
        )


def laptop_only(spec: "PlatformSpec") -> Iterator[Problem]:
    """Processes on this machine belong to stage `local`, and only to it."""
    stage = spec.environment.stage
    if (spec.laptop is None) == (stage == "local"):
        allowed = "given when environment.stage is 'local', and only then"
        yield Problem("laptop", None if spec.laptop is None else "given", allowed)
    if spec.laptop is None:
        return
    ports = spec.laptop.ports
    development = [model.name for model in spec.models if isinstance(model, DevelopmentModel)]
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel):
            yield Problem(
                f"models[{index}].kind", model.kind, "'development' or 'hosted' on a laptop: it has no GPU pool"
            )
    for name in development:
        if name not in ports.models:
            yield Problem("laptop.ports.models", sorted(ports.models), f"a port for the development model {name}")
    for name in ports.models:
        yield from _one_of(f"laptop.ports.models.{name}", name, development, "development models")
    taken: dict[int, str] = {}
    every = {"gateway": ports.gateway, "aws": ports.aws, **{f"models.{n}": p for n, p in ports.models.items()}}
    for name, port in every.items():
        if port in taken:
            yield Problem(f"laptop.ports.{name}", port, f"a port that laptop.ports.{taken[port]} does not have already")
        taken.setdefault(port, name)


def real_models_in_production(spec: "PlatformSpec") -> Iterator[Problem]:
    """The development model server answers nobody in production."""
    if spec.environment.stage == "production":
        for index, model in enumerate(spec.models):
            if isinstance(model, DevelopmentModel):
                yield Problem(f"models[{index}].kind", "development", "'self_hosted' or 'hosted' in production")


def hosted_data_class(spec: "PlatformSpec") -> Iterator[Problem]:
    """Restricted data does not leave for a hosted provider."""
    if spec.environment.data_class == "restricted":
        for index, model in enumerate(spec.models):
            if isinstance(model, HostedModel):
                allowed = (
                    "'self_hosted' where environment.data_class is 'restricted': such data must not leave the platform"
                )
                yield Problem(f"models[{index}].kind", "hosted", allowed)


CHECKS: tuple[tuple[Sections, Callable[["PlatformSpec"], Iterator[Problem]]], ...] = (
    (("gpu_pools", "storage", "vector", "models", "gateway", "tenants"), unique_names),
    (("network", "gpu_pools", "models", "gateway", "tenants"), references),
    (("gpu_pools", "models"), gpu_fit),
    (("gpu_pools", "models"), gpu_capacity),
    (("storage", "models"), weights_bucket),
    (("environment", "models", "laptop"), laptop_only),
    (("environment", "models"), real_models_in_production),
    (("environment", "models"), hosted_data_class),
)
"""Each check with the sections it reads: it runs when those are valid, whatever the others are."""
