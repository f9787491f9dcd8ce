"""GPU pools fit the network, one another and what runs on them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec import gpu_features
from plinth.spec.gpu_devices import claimed
from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def pool_zones(spec: "PlatformSpec") -> Iterator[Problem]:
    """Capacity is reserved where the network is."""
    for index, pool in enumerate(spec.gpu_pools):
        for zone in pool.new_reservation.zones if pool.new_reservation else []:
            if zone not in spec.network.zones:
                allowed = f"one of the zones of the network: {', '.join(spec.network.zones)}"
                yield Problem(f"gpu_pools[{index}].new_reservation.zones", zone, allowed)


def pools_apart(spec: "PlatformSpec") -> Iterator[Problem]:
    """No two pools draw from the same reservation: which of them gets it would be chance."""
    owners: dict[str, int] = {}
    for index, pool in enumerate(spec.gpu_pools):
        drawn = [*pool.reservation_ids, *(f"tag {key}={value}" for key, value in pool.reservation_tags.items())]
        for reservation in drawn:
            first = owners.setdefault(reservation, index)
            if first != index:
                allowed = f"a reservation that gpu_pools[{first}] does not draw from already"
                field = "reservation_tags" if reservation.startswith("tag ") else "reservation_ids"
                yield Problem(f"gpu_pools[{index}].{field}", reservation, allowed)


def pool_versions(spec: "PlatformSpec") -> Iterator[Problem]:
    """Pools ask for what the cluster's versions have."""
    for index, pool in enumerate(spec.gpu_pools):
        for feature in gpu_features.unmet(pool, kubernetes=spec.cluster.kubernetes_version):
            since = ".".join(str(part) for part in feature.since)
            allowed = f"a pool without {feature.name}, which needs {feature.project} {since}"
            yield Problem(f"gpu_pools[{index}]", pool.name, allowed)


def served_pools(spec: "PlatformSpec") -> Iterator[Problem]:
    """Models run on pools whose devices the model servers can use."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    for index, model in enumerate(spec.models):
        pool = pools.get(model.pool) if isinstance(model, SelfHostedModel) else None
        if pool and claimed(pool):
            allowed = f"a pool without sharing dra: {pool.name} is for pods that bring resource claims of their own"
            yield Problem(f"models[{index}].pool", pool.name, allowed)
