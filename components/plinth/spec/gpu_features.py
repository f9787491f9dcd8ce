"""What a GPU pool needs of the versions in the release train. Pure.

Sources: Karpenter's charts and definitions at each minor release; Kubernetes 1.34, "Dynamic Resource Allocation" is
generally available.
"""

from dataclasses import dataclass
from typing import Literal

from plinth import versions
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import claimed, devices

Version = tuple[int, int]
"""Major and minor."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a pool may ask for."""

    name: str
    """What the spec calls it."""
    project: Literal["Karpenter", "Kubernetes"]
    since: Version
    """First version of the project that has it."""


FIXED_NODES = Feature("fixed_nodes", "Karpenter", (1, 8))
OVERLAYS = Feature("sharing", "Karpenter", (1, 7))
EFA = Feature("efa", "Karpenter", (1, 11))
RESERVED = Feature("capacity reserved", "Karpenter", (1, 3))
CAPACITY_BLOCKS = Feature("capacity_block", "Karpenter", (1, 6))
CLAIMS = Feature("sharing dra", "Kubernetes", (1, 34))


def features(pool: GpuPool) -> list[Feature]:
    """What a pool needs."""
    if pool.plane == "auto":
        return []
    needs = {
        FIXED_NODES: pool.fixed_nodes is not None,
        OVERLAYS: devices(pool).per_gpu > 1,
        EFA: pool.efa,
        RESERVED: "reserved" in pool.capacity,
        CAPACITY_BLOCKS: pool.capacity_block is not None,
        CLAIMS: claimed(pool),
    }
    return [feature for feature, needed in needs.items() if needed]


def unmet(
    pool: GpuPool, *, kubernetes: str = versions.KUBERNETES, karpenter: str = versions.KARPENTER.version
) -> list[Feature]:
    """What a pool needs that these versions, the release train's by default, do not have."""
    have = {"Kubernetes": _version(kubernetes), "Karpenter": _version(karpenter)}
    return [feature for feature in features(pool) if feature.since > have[feature.project]]


def _version(text: str) -> Version:
    major, minor, *_ = (int(part) for part in text.split("."))
    return major, minor
