"""From the spec to queues: what each tenant is guaranteed, what it may borrow, and what all share. Pure.

Models are not queued: the scheduler lets their pods push out those of jobs, and the queues only hand out what models
leave. A guarantee is what is there even when every model has all of its replicas; the cohort shares the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plinth import naming
from plinth.cluster.gpu_request import pod_gpus
from plinth.kinds import kueue
from plinth.spec.batch import Batch
from plinth.spec.capacity import PerGpu, PoolCapacity, per_gpu, pool_capacity
from plinth.spec.general_pools import GeneralPool
from plinth.spec.gpu import GpuPool
from plinth.spec.models import ServedModel
from plinth.spec.tenants import Tenant

GENERAL = "general"
"""Flavor of the nodes without GPUs."""

COHORT = "plinth"
"""The cohort of all tenants' queues."""

QUEUE = "batch"
"""Name of the LocalQueue in a tenant's namespace. Not `default`: that one would take every Job, asked or not."""

POD_PRIORITY = -1000
"""Priority of jobs' pods: below 0, which is that of pods that say nothing."""

URGENCIES: dict[str, tuple[int, str]] = {
    "urgent": (1000, "Goes before the team's other jobs, and sends those that run on lent capacity back."),
    "normal": (0, "The order in which jobs came."),
    "low": (-1000, "Runs when the team's other jobs leave room."),
}
"""How urgent a job is among its tenant's: value and meaning of each class."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """Nodes of one kind."""

    name: str
    node_labels: Mapping[str, str]
    tolerations: Sequence[Mapping[str, str]]
    gpu_resource: str | None
    """Resource by which pods ask for its GPUs; None without."""
    beside: PerGpu
    """What comes with each GPU."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of a flavor."""

    cpus: int
    memory_gib: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """A tenant's quota, by flavor."""

    tenant: str
    weight: int
    own: dict[str, Amount]
    """What it is guaranteed."""
    most: dict[str, Amount]
    """What it may hold, borrowed quota included."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """All queues."""

    flavors: dict[str, Flavor]
    shared: dict[str, Amount]
    """What belongs to nobody in particular, by flavor: tenants borrow it."""
    queues: dict[str, TenantQueue]
    """By tenant; only those that have one."""


def plan(
    batch: Batch,
    pools: Sequence[GpuPool],
    general_pools: Sequence[GeneralPool],
    models: Sequence[ServedModel],
    tenants: Sequence[Tenant],
) -> BatchPlan:
    """The queues of a spec that passed its checks (plinth.spec.checks.batch)."""
    known = {pool.name: pool for pool in pools}
    flavors = {GENERAL: _general(next((pool for pool in general_pools if pool.name == batch.general_pool), None))}
    flavors |= {name: _flavor(known[name]) for name in batch.pools}
    capacity = pool_capacity(pools, models)
    queues = {tenant.name: _queue(tenant, batch, flavors) for tenant in tenants if tenant.batch}
    return BatchPlan(flavors, _shared(batch, flavors, capacity, list(queues.values())), queues)


def _general(pool: GeneralPool | None) -> Flavor:
    """The nodes without GPUs: those of one pool, or all that no taint closes."""
    if pool is None:
        return Flavor(GENERAL, {}, (), None, PerGpu(0, 0))
    taint = {"key": naming.POOL_LABEL, "operator": "Equal", "value": pool.name, "effect": "NoSchedule"}
    tolerations = (taint,) if pool.dedicated else ()
    return Flavor(GENERAL, {naming.POOL_LABEL: pool.name}, tolerations, None, PerGpu(0, 0))


def _flavor(pool: GpuPool) -> Flavor:
    asked = pod_gpus(pool, 1)
    return Flavor(
        name=pool.name,
        node_labels={naming.POOL_LABEL: pool.name},
        tolerations=asked.tolerations,
        gpu_resource=next(iter(asked.resources)),
        beside=per_gpu(pool),
    )


def _gpus(count: int, beside: PerGpu) -> Amount:
    return Amount(count * beside.cpus, count * beside.memory_gib, count)


def _queue(tenant: Tenant, batch: Batch, flavors: Mapping[str, Flavor]) -> TenantQueue:
    section, quota = tenant.batch, tenant.quota
    assert section is not None, tenant.name
    own = {share.pool: _gpus(share.guaranteed_gpus, flavors[share.pool].beside) for share in section.gpus}
    most = {share.pool: _gpus(share.max_gpus, flavors[share.pool].beside) for share in section.gpus}
    own[GENERAL] = Amount(section.guaranteed_cpus, section.guaranteed_memory_gib)
    most[GENERAL] = Amount(
        max(0, min(batch.cpus, quota.cpus - sum(amount.cpus for amount in most.values()))),
        max(0, min(batch.memory_gib, quota.memory_gib - sum(amount.memory_gib for amount in most.values()))),
    )
    return TenantQueue(tenant.name, section.weight, own, most)


def _shared(
    batch: Batch,
    flavors: Mapping[str, Flavor],
    capacity: Mapping[str, PoolCapacity],
    queues: Sequence[TenantQueue],
) -> dict[str, Amount]:
    given = dict.fromkeys(flavors, Amount(0, 0))
    for queue in queues:
        for name, amount in queue.own.items():
            before = given[name]
            given[name] = Amount(
                before.cpus + amount.cpus, before.memory_gib + amount.memory_gib, before.gpus + amount.gpus
            )
    shared = {GENERAL: Amount(batch.cpus - given[GENERAL].cpus, batch.memory_gib - given[GENERAL].memory_gib)}
    for name in batch.pools:
        shared[name] = _gpus(capacity[name].lendable - given[name].gpus, flavors[name].beside)
    return shared


# Kueue's objects


def resource_flavor(flavor: Flavor) -> kueue.ResourceFlavor:
    """The nodes of a flavor."""
    return kueue.ResourceFlavor(node_labels=flavor.node_labels or None, tolerations=flavor.tolerations or None)


def cohort(queues: BatchPlan) -> kueue.Cohort:
    """What all tenants share."""
    return kueue.Cohort(resource_groups=[_group(queues, queues.shared)])


def cluster_queue(queues: BatchPlan, tenant: str) -> kueue.ClusterQueue:
    """A tenant's quota: its own, and how much it may borrow."""
    queue = queues.queues[tenant]
    return kueue.ClusterQueue(
        cohort_name=COHORT,
        namespace_selector=kueue.NamespaceSelector(
            match_labels={"kubernetes.io/metadata.name": naming.tenant_namespace(tenant)}
        ),
        resource_groups=[_group(queues, queue.own, queue.most)],
        preemption=kueue.Preemption(reclaim_within_cohort="Any", within_cluster_queue="LowerPriority"),
        fair_sharing=kueue.FairSharing(weight=str(queue.weight)),
    )


def _group(
    queues: BatchPlan, own: Mapping[str, Amount], most: Mapping[str, Amount] | None = None
) -> kueue.ResourceGroup:
    """One group, so that a pod's processors, memory and GPUs come from the same nodes; plain nodes first."""
    flavors = [flavor for name, flavor in queues.flavors.items() if name in own]
    devices = sorted({flavor.gpu_resource for flavor in flavors if flavor.gpu_resource})
    return kueue.ResourceGroup(
        covered_resources=["cpu", "memory", *devices],
        flavors=[
            kueue.FlavorQuotas(
                name=flavor.name,
                resources=_quotas(flavor, devices, own[flavor.name], most[flavor.name] if most else None),
            )
            for flavor in flavors
        ],
    )


def _quotas(flavor: Flavor, devices: Sequence[str], own: Amount, most: Amount | None) -> list[kueue.Quota]:
    def quantities(amount: Amount) -> list[tuple[str, int, str]]:
        held = [(device, amount.gpus if device == flavor.gpu_resource else 0, "") for device in devices]
        return [("cpu", amount.cpus, ""), ("memory", amount.memory_gib, "Gi"), *held]

    limits = quantities(most) if most else None
    quotas: list[kueue.Quota] = []
    for place, (name, value, unit) in enumerate(quantities(own)):
        borrowed = None if limits is None else f"{max(0, limits[place][1] - value)}{unit}"
        quotas.append(kueue.Quota(name=name, nominal_quota=f"{value}{unit}", borrowing_limit=borrowed))
    return quotas


def urgencies() -> dict[str, kueue.WorkloadPriorityClass]:
    """The classes of urgency."""
    return {
        name: kueue.WorkloadPriorityClass(value=value, description=text) for name, (value, text) in URGENCIES.items()
    }
