"""What goes together in one GPU pool. Pure; every sentence says what would fit.

Sources: Karpenter documentation, "NodePools" (static pools) and "Utilizing ODCRs and Capacity Blocks"; Amazon EKS User
Guide, "Manage hardware devices" and "EKS Auto Mode"; Bottlerocket's settings `kubelet-device-plugins`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth import catalogue
from plinth.spec.sharing import Dra, Mig, TimeSlicing, WholeGpus

if TYPE_CHECKING:
    from plinth.spec.gpu import GpuPool

MOST_DEVICES = 1024
"""Most devices of one kind that a node pool may be limited to."""


def problems(pool: "GpuPool") -> Iterator[str]:
    """Everything about a pool that cannot be, in words."""
    gpus = {instance.gpu for instance in pool.instances}
    if len(gpus) > 1:
        yield f"instance_types mix GPUs ({', '.join(sorted(gpus))}): make one pool for each kind"
        return
    yield from _capacity(pool)
    yield from _auto(pool)
    yield from _sharing(pool)
    yield from _efa(pool)
    yield from _fixed(pool)
    smallest = min(instance.gpus for instance in pool.instances)
    if pool.max_gpus < smallest:
        yield f"max_gpus {pool.max_gpus} is less than one instance has: at least {smallest}"


def _capacity(pool: "GpuPool") -> Iterator[str]:
    named = bool(pool.reservation_ids or pool.reservation_tags or pool.new_reservation or pool.capacity_block)
    if ("reserved" in pool.capacity) != named:
        yield (
            "capacity 'reserved' and one of reservation_ids, reservation_tags, new_reservation and capacity_block "
            "go together: give both or neither"
        )
    if len(set(pool.capacity)) < len(pool.capacity):
        yield "capacity names a way of buying twice"
    if new := pool.new_reservation:
        if new.instance_type not in pool.instance_types:
            yield f"new_reservation.instance_type must be one of the pool's: {', '.join(pool.instance_types)}"
        elif (reserved := new.instances * len(new.zones) * catalogue.instance(new.instance_type).gpus) > pool.max_gpus:
            yield f"new_reservation holds {reserved} GPUs: at most max_gpus {pool.max_gpus}, or raise that"
        if pool.zones and (outside := sorted(set(new.zones) - set(pool.zones))):
            yield f"new_reservation.zones has {', '.join(outside)}, where the pool does not run: add to zones"
    if pool.capacity_block:
        if pool.capacity != ["reserved"]:
            yield "capacity_block needs capacity [reserved]: a block ends, and nothing may take its place by itself"
        if len(pool.zones) != 1:
            yield "capacity_block needs exactly one of zones: the block's own"


def _auto(pool: "GpuPool") -> Iterator[str]:
    """EKS Auto Mode runs Amazon's own image without user data: nothing can be set up on its nodes."""
    if pool.plane != "auto":
        return
    if not isinstance(pool.sharing, WholeGpus):
        yield f"sharing {pool.sharing.kind} needs plane karpenter: nodes of EKS Auto Mode take no user data or drivers"
    if pool.image != "bottlerocket":
        yield "image al2023 needs plane karpenter: EKS Auto Mode runs Amazon's own Bottlerocket only"
    if pool.efa:
        yield "efa needs plane karpenter, where the network cards of a node can be listed"
    if pool.fixed_nodes:
        yield "fixed_nodes needs plane karpenter"
    if pool.capacity_block:
        yield "capacity_block needs plane karpenter; name a block that exists in reservation_ids"


def _sharing(pool: "GpuPool") -> Iterator[str]:
    sharing, instance = pool.sharing, pool.instances[0]
    if pool.neuron and not isinstance(sharing, WholeGpus):
        yield f"sharing {sharing.kind} is for NVIDIA GPUs: {instance.gpu} devices are given out whole"
    elif isinstance(sharing, Mig):
        yield from _mig(pool, sharing, instance)
    elif isinstance(sharing, Dra):
        if pool.image != "al2023":
            yield "sharing dra needs image al2023: Bottlerocket's own device plugin would give out the same GPUs"
        if not pool.fixed_nodes:
            yield "sharing dra needs fixed_nodes: Karpenter does not count the devices of claims when it starts nodes"
    elif isinstance(sharing, TimeSlicing) and pool.efa:
        yield "sharing time_slicing and efa exclude each other: models that span nodes need GPUs of their own"


def _mig(pool: "GpuPool", sharing: Mig, instance: catalogue.GpuInstance) -> Iterator[str]:
    if not instance.mig:
        able = sorted({i.gpu for i in catalogue.instances().values() if i.mig})
        yield f"sharing mig: {instance.gpu} has no MIG profiles in the catalogue; {', '.join(able)} have"
    elif instance.mig_profile(sharing.profile) is None:
        known = ", ".join(profile.name for profile in instance.mig)
        yield f"sharing.profile {sharing.profile} is none of {instance.gpu}'s: {known}"
    elif (parts := pool.max_gpus * next(p.per_gpu for p in instance.mig if p.name == sharing.profile)) > MOST_DEVICES:
        yield f"sharing mig would give out {parts} parts of GPUs: at most {MOST_DEVICES}; lower max_gpus"
    if pool.image != "bottlerocket":
        yield "sharing mig needs image bottlerocket, which cuts its GPUs when it starts"
    if pool.efa:
        yield "sharing mig and efa exclude each other: parts of a GPU cannot work together"


def _efa(pool: "GpuPool") -> Iterator[str]:
    if not pool.efa:
        return
    without = [instance.name for instance in pool.instances if not instance.efa]
    unknown = [instance.name for instance in pool.instances if instance.efa and instance.network_cards is None]
    if without:
        yield f"efa: {', '.join(without)} has none; leave out the instance type, or set efa to false"
    if unknown:
        yield f"efa: the network cards of {', '.join(unknown)} are unknown to the catalogue"
    if len({(instance.efa, instance.network_cards) for instance in pool.instances}) > 1:
        yield "efa: the instance types differ in network cards; make one pool for each"


def _fixed(pool: "GpuPool") -> Iterator[str]:
    if pool.fixed_nodes is None:
        return
    largest = max(instance.gpus for instance in pool.instances)
    if pool.fixed_nodes * largest > pool.max_gpus:
        yield (
            f"fixed_nodes {pool.fixed_nodes} may hold {pool.fixed_nodes * largest} GPUs, more than max_gpus "
            f"{pool.max_gpus}: at most {pool.max_gpus // largest} nodes, or raise max_gpus"
        )
