"""Karpenter's feature gates, from what the pools use. Pure.

Source: Karpenter documentation, "Settings", feature gates, for v1.14: all but ReservedCapacity are alpha and off.
"""

from collections.abc import Sequence

from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_features import FIXED_NODES, OVERLAYS, features


def feature_gates(pools: Sequence[GpuPool]) -> dict[str, bool]:
    """The chart's `settings.featureGates`: broken nodes are always replaced, the rest as the pools need it."""
    used = {feature for pool in pools for feature in features(pool)}
    return {
        # The EKS node monitoring agent says that a node is broken; without the gate nothing follows from it.
        "nodeRepair": True,
        "reservedCapacity": True,
        "staticCapacity": FIXED_NODES in used,
        "nodeOverlay": OVERLAYS in used,
    }
