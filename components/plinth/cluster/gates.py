"""Karpenter's feature gates, from what the pools use. Pure.

Source: Karpenter documentation, "Settings", feature gates, for v1.14: all but ReservedCapacity are alpha and off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from plinth import versions
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of Karpenter that a pool may need."""

    name: str
    since: tuple[int, int]
    """Minor version of Karpenter that has it."""


STATIC_CAPACITY = Feature("staticCapacity", (1, 8))
NODE_OVERLAY = Feature("nodeOverlay", (1, 7))
NETWORK_INTERFACES = Feature("networkInterfaces", (1, 11))
RESERVED_CAPACITY = Feature("reservedCapacity", (1, 3))
CAPACITY_BLOCKS = Feature("capacityBlocks", (1, 6))


def features(pool: GpuPool) -> list[Feature]:
    """What a pool needs of Karpenter."""
    if pool.plane == "auto":
        return []
    needs = {
        STATIC_CAPACITY: pool.fixed_nodes is not None,
        NODE_OVERLAY: devices(pool).per_gpu > 1,
        NETWORK_INTERFACES: pool.efa,
        RESERVED_CAPACITY: "reserved" in pool.capacity,
        CAPACITY_BLOCKS: pool.capacity_block is not None,
    }
    return [feature for feature, needed in needs.items() if needed]


def unmet(pool: GpuPool, karpenter: str = versions.KARPENTER.version) -> list[Feature]:
    """What a pool needs that a version of Karpenter, the release train's by default, does not have."""
    major, minor, *_ = (int(part) for part in karpenter.split("."))
    return [feature for feature in features(pool) if feature.since > (major, minor)]


def feature_gates(pools: Sequence[GpuPool]) -> dict[str, bool]:
    """The chart's `settings.featureGates`: broken nodes are always replaced, the rest as the pools need it."""
    used = {feature for pool in pools for feature in features(pool)}
    return {
        # The EKS node monitoring agent says that a node is broken; without the gate nothing follows from it.
        "nodeRepair": True,
        "reservedCapacity": True,
        STATIC_CAPACITY.name: STATIC_CAPACITY in used,
        NODE_OVERLAY.name: NODE_OVERLAY in used,
    }
