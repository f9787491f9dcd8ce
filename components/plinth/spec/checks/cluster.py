"""What the cluster's node pools need of one another and of the network."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.general_pools import SYSTEM_POOL
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def node_pools(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every node pool has a name of its own, whatever its kind."""
    taken = {SYSTEM_POOL: "the system nodes"}
    paths = {f"cluster.general_pools[{index}]": pool.name for index, pool in enumerate(spec.cluster.general_pools)}
    paths |= {f"gpu_pools[{index}]": pool.name for index, pool in enumerate(spec.gpu_pools)}
    for path, name in paths.items():
        # Two GPU pools of one name are told by references.unique_names.
        if name in taken and not (path.startswith("gpu_pools") and taken[name].startswith("gpu_pools")):
            yield Problem(f"{path}.name", name, f"a name that {taken[name]} does not have already")
        taken.setdefault(name, path)


def pool_zones(spec: "PlatformSpec") -> Iterator[Problem]:
    """General pools are in zones of the network."""
    for index, pool in enumerate(spec.cluster.general_pools):
        for zone in pool.zones:
            path = f"cluster.general_pools[{index}].zones"
            yield from one_of(path, zone, spec.network.zones, "zones of the network")
