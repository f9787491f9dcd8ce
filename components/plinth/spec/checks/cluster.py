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


MADE_ONLY = ("system_nodes", "public_access_cidrs", "admin_roles", "log_days")
"""Fields of the cluster that say how it is made."""


def existing_cluster(spec: "PlatformSpec") -> Iterator[Problem]:
    """A cluster that is there already is in a network that is there, and nobody says how to make it."""
    section = spec.cluster
    if not section.existing:
        return
    for field in MADE_ONLY:
        if field in section.model_fields_set:
            yield Problem(
                f"cluster.{field}", "given", "left out with cluster.existing: whoever made the cluster decides"
            )
    if not spec.network.existing:
        yield Problem("network.existing", None, "the VPC of cluster.existing: a cluster cannot move into a new one")
    if spec.environment.stage == "local":
        yield Problem("cluster.existing", section.existing.name, "left out in stage local, which has no cluster")
    for index, pool in enumerate(spec.gpu_pools):
        if pool.plane == "auto":
            allowed = "'karpenter' with cluster.existing: Auto Mode is part of how a cluster is made"
            yield Problem(f"gpu_pools[{index}].plane", pool.plane, allowed)


def pool_zones(spec: "PlatformSpec") -> Iterator[Problem]:
    """General pools are in zones of the network."""
    for index, pool in enumerate(spec.cluster.general_pools):
        for zone in pool.zones:
            path = f"cluster.general_pools[{index}].zones"
            yield from one_of(path, zone, spec.network.zones, "zones of the network")
