"""Checks of queues: what they promise is there, and what they hand out the tenant's own limits admit."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from plinth import naming
from plinth.spec import fitting
from plinth.spec.capacity import PerGpu, PoolCapacity, per_gpu, pool_capacity
from plinth.spec.checks.references import one_of
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import claimed, devices
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec
    from plinth.spec.tenants import Tenant

_SHOWN = 5
"""Tenants that an error names before it only counts."""


def queues_exist(spec: "PlatformSpec") -> Iterator[Problem]:
    """Queues are over pools that exist, and for tenants only where there are queues."""
    if spec.batch is None:
        for index, tenant in enumerate(spec.tenants):
            if tenant.batch:
                yield Problem(f"tenants[{index}].batch", "given", "given only where the section batch is")
        return
    pools = [pool.name for pool in spec.gpu_pools]
    whole = {pool.name: _whole(pool) for pool in spec.gpu_pools}
    for number, name in enumerate(spec.batch.pools):
        yield from one_of(f"batch.pools[{number}]", name, pools, "GPU pools")
        if not whole.get(name, True):
            allowed = "a pool that gives out whole NVIDIA GPUs: queues count GPUs, not parts of them or Neuron devices"
            yield Problem(f"batch.pools[{number}]", name, allowed)
    for index, tenant in enumerate(spec.tenants):
        for number, share in enumerate(tenant.batch.gpus if tenant.batch else []):
            yield from one_of(
                f"tenants[{index}].batch.gpus[{number}].pool", share.pool, spec.batch.pools, "pools of batch.pools"
            )
        if tenant.quota.gpus and not (tenant.batch and tenant.batch.gpus):
            allowed = "0 without batch.gpus: GPUs that a tenant took beside the queues would break what they guarantee"
            yield Problem(f"tenants[{index}].quota.gpus", tenant.quota.gpus, allowed)


def _whole(pool: GpuPool) -> bool:
    given = devices(pool)
    return given.resource == naming.GPU_TAINT and given.share == 1 and given.splittable and not claimed(pool)


def guarantees_fit(spec: "PlatformSpec") -> Iterator[Problem]:
    """All guarantees together are there, whatever the models do."""
    if spec.batch is None:
        return
    capacity = pool_capacity(spec.gpu_pools, spec.models)
    given: dict[str, list[tuple[str, int]]] = {name: [] for name in spec.batch.pools}
    plain: dict[str, list[tuple[str, int]]] = {"cpus": [], "memory_gib": []}
    for tenant in spec.tenants:
        if not tenant.batch:
            continue
        plain["cpus"].append((tenant.name, tenant.batch.guaranteed_cpus))
        plain["memory_gib"].append((tenant.name, tenant.batch.guaranteed_memory_gib))
        for share in tenant.batch.gpus:
            given.get(share.pool, []).append((tenant.name, share.guaranteed_gpus))
    for index, pool in enumerate(spec.gpu_pools):
        if pool.name in given:
            yield from _pool_fits(index, capacity[pool.name], given[pool.name])
    for field, shares in plain.items():
        total, there = sum(amount for _, amount in shares), int(getattr(spec.batch, field))
        if total > there:
            yield Problem(f"batch.{field}", there, f"at least {total}: tenants are guaranteed {_parts(shares)}")


def _pool_fits(index: int, there: PoolCapacity, shares: Sequence[tuple[str, int]]) -> Iterator[Problem]:
    total = sum(amount for _, amount in shares)
    if total > there.guaranteeable:
        needed = total + there.most_served
        models = f", beside {there.most_served} that its models may want" if there.most_served else ""
        allowed = fitting.at_least(needed, f"tenants are guaranteed {total} ({_parts(shares)}){models}")
        yield Problem(f"gpu_pools[{index}].max_gpus", there.limit, allowed)


def _parts(shares: Sequence[tuple[str, int]]) -> str:
    largest = sorted((share for share in shares if share[1]), key=lambda share: -share[1])
    named = " + ".join(f"{name} {amount}" for name, amount in largest[:_SHOWN])
    return f"{named} and {len(largest) - _SHOWN} more" if len(largest) > _SHOWN else named


def queues_within_quotas(spec: "PlatformSpec") -> Iterator[Problem]:
    """What a queue may hand out is within the pool and within the tenant's quota, or admitted jobs could not start."""
    if spec.batch is None:
        return
    capacity = pool_capacity(spec.gpu_pools, spec.models)
    beside = {pool.name: per_gpu(pool) for pool in spec.gpu_pools}
    for index, tenant in enumerate(spec.tenants):
        for number, share in enumerate(tenant.batch.gpus if tenant.batch else []):
            there = capacity.get(share.pool)
            if there and share.max_gpus > there.lendable:
                allowed = f"at most {there.lendable}: what pool {share.pool} has beside its models' fewest replicas"
                yield Problem(f"tenants[{index}].batch.gpus[{number}].max_gpus", share.max_gpus, allowed)
        yield from _within_quota(index, tenant, beside)


def _within_quota(index: int, tenant: "Tenant", beside: dict[str, PerGpu]) -> Iterator[Problem]:
    section = tenant.batch
    if section is None:
        return
    held = [(share.max_gpus, beside.get(share.pool, PerGpu(0, 0))) for share in section.gpus]
    needed = {
        "gpus": sum(gpus for gpus, _ in held),
        "cpus": sum(gpus * each.cpus for gpus, each in held) + section.guaranteed_cpus,
        "memory_gib": sum(gpus * each.memory_gib for gpus, each in held) + section.guaranteed_memory_gib,
    }
    for field, least in needed.items():
        given = int(getattr(tenant.quota, field))
        if given < least:
            allowed = f"at least {least}: its queue may hand out that much, with what comes beside its GPUs"
            yield Problem(f"tenants[{index}].quota.{field}", given, allowed)


def general_pool(spec: "PlatformSpec") -> Iterator[Problem]:
    """What jobs without GPUs may request together is within the pools that they run on."""
    if spec.batch is None:
        return
    pools = {pool.name: pool for pool in spec.cluster.general_pools}
    if (chosen := spec.batch.general_pool) is None:
        there = [pool for pool in pools.values() if not pool.dedicated]
    elif chosen in pools:
        there = [pools[chosen]]
    else:
        yield from one_of("batch.general_pool", chosen, list(pools), "general pools")
        return
    names = ", ".join(pool.name for pool in there)
    for field, total in (
        ("cpus", sum(pool.max_cpus for pool in there)),
        ("memory_gib", sum(pool.max_memory_gib for pool in there)),
    ):
        if int(getattr(spec.batch, field)) > total:
            allowed = f"at most {total}: all that the general pools for it ({names or 'none'}) may hold"
            yield Problem(f"batch.{field}", getattr(spec.batch, field), allowed)
