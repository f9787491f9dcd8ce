"""Names: unique within a list, and known where they refer to something."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem, nearest
from plinth.spec.streams import FifoBus
from plinth.spec.weights import Adapter

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def unique_names(spec: "PlatformSpec") -> Iterator[Problem]:
    """Names within a list are unique."""
    lists: dict[str, Sequence[str]] = {
        "gpu_pools": [pool.name for pool in spec.gpu_pools],
        "storage.buckets": [bucket.name for bucket in spec.storage.buckets],
        "vector.collections": [collection.name for collection in spec.vector.collections],
        "postgres.databases": [database.name for database in spec.postgres.databases],
        "streams": [bus.name for bus in spec.streams],
        "remote_gpus": [gpu.name for gpu in spec.remote_gpus],
        "bedrock.guardrails": [guardrail.name for guardrail in spec.bedrock.guardrails],
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


def _adapters(spec: "PlatformSpec") -> list[Adapter]:
    return [adapter for model in spec.models if isinstance(model, SelfHostedModel) for adapter in model.adapters]


def references(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every name that refers to something refers to something that exists."""
    pools = [pool.name for pool in spec.gpu_pools]
    models = [
        *(model.name for model in spec.models),
        *(adapter.name for adapter in _adapters(spec)),
        *(gpu.name for gpu in spec.remote_gpus),
    ]
    routes = [route.name for route in spec.gateway.routes]
    buckets = [bucket.name for bucket in spec.storage.buckets]
    for index, pool in enumerate(spec.gpu_pools):
        for zone in pool.zones:
            yield from one_of(f"gpu_pools[{index}].zones", zone, spec.network.zones, "zones of the network")
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel):
            yield from one_of(f"models[{index}].pool", model.pool, pools, "GPU pools")
    for index, route in enumerate(spec.gateway.routes):
        for number, target in enumerate(route.targets):
            path = f"gateway.routes[{index}].targets[{number}].model"
            yield from one_of(path, target.model, models, "models and remote GPUs")
    for index, tenant in enumerate(spec.tenants):
        for number, name in enumerate(tenant.routes):
            yield from one_of(f"tenants[{index}].routes[{number}]", name, routes, "gateway routes")
        for number, name in enumerate(tenant.buckets):
            yield from one_of(f"tenants[{index}].buckets[{number}]", name, buckets, "buckets")
    tenants = [tenant.name for tenant in spec.tenants]
    for index, database in enumerate(spec.postgres.databases):
        path = f"postgres.databases[{index}]"
        yield from one_of(f"{path}.tenant", database.tenant, tenants, "tenants")
        for number, name in enumerate(database.readers):
            yield from one_of(f"{path}.readers[{number}]", name, tenants, "tenants")
    for number, name in enumerate(spec.cache.tenants):
        yield from one_of(f"cache.tenants[{number}]", name, tenants, "tenants")
    for role in ("editors", "viewers") if spec.graph else ():
        for number, name in enumerate(getattr(spec.graph, role)):
            yield from one_of(f"graph.{role}[{number}]", name, tenants, "tenants")
    for index, bus in enumerate(spec.streams):
        path = f"streams[{index}]"
        for number, name in enumerate(bus.producers):
            yield from one_of(f"{path}.producers[{number}]", name, tenants, "tenants")
        if isinstance(bus, FifoBus):
            yield from one_of(f"{path}.consumer", bus.consumer, tenants, "tenants")
        else:
            for number, item in enumerate(bus.subscriptions):
                yield from one_of(f"{path}.subscriptions[{number}].tenant", item.tenant, tenants, "tenants")


def one_of(path: str, value: str, allowed: Sequence[str], what: str) -> Iterator[Problem]:
    """A problem, unless `value` is one of the names that are `allowed`; `what` says what these are."""
    if value not in allowed:
        known = f"one of the {what}: {', '.join(allowed)}" if allowed else f"one of the {what}, of which there are none"
        yield Problem(path, value, known, nearest(value, allowed))
