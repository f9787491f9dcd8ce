"""The environment as its other region sees it. Pure."""

from collections.abc import Sequence
from typing import Any, cast

from plinth.recovery.plan import NODE_MINUTES, WAKE_MINUTES, Standby, choose_standby
from plinth.spec.platform import PlatformSpec

LEFT_OUT = ("recovery", "snowflake", "governance", "laptop")
"""Sections that exist once for the environment: Snowflake is an account, not a region's; data is governed once."""


def standby_spec(spec: PlatformSpec) -> PlatformSpec:
    """The spec of the other region: same tenants, routes and models, in its own network, with its own capacity.

    Capacity that is bought in one region (reservations, capacity blocks) is not there: its pools buy on demand.
    Images come from the registry's copy in the region. Models run as the standby's kind says.

    Raises:
        SpecError: the other region cannot hold the platform; paths are those of the derived spec.
        pydantic.ValidationError: the same, for one section.
    """
    wanted = spec.recovery
    assert wanted is not None
    registry, copy = (f".dkr.ecr.{region}.amazonaws.com/" for region in (spec.environment.region, wanted.region))
    document = cast(dict[str, Any], _replaced(spec.model_dump(), registry, copy))
    for section in LEFT_OUT:
        document.pop(section)
    document["environment"]["region"] = wanted.region
    document["network"] |= {"cidr": wanted.cidr, "zones": wanted.zones, "existing": None}
    # The first region's trail records every region, and its budget counts them all.
    document["security"] |= {"budget": None}
    document["security"]["audit_trail"] |= {"managed": "organization"}
    _without_instances(document)
    kind = choose_standby(spec)
    document["gpu_pools"] = [_pool(pool, wanted.zones) for pool in document["gpu_pools"]]
    spot = {pool["name"] for pool in document["gpu_pools"] if pool["capacity"] == ["spot"]}
    for model in document["models"]:
        if model["kind"] not in ("hosted", "development"):
            model["replicas"]["min"] = _replicas(kind, model["replicas"]["min"], 2 if model["pool"] in spot else 1)
            if kind == "pilot":
                model["scale_to_zero"] = model["scale_to_zero"] or {"hold_seconds": _patience(model["start_minutes"])}
    return PlatformSpec.model_validate(document)


def _without_instances(document: dict[str, Any]) -> None:
    """Leave out what is launched outside AWS: one instance is paid for, and lets the first region in alone."""
    launched = {gpu["name"] for gpu in document["remote_gpus"] if gpu["kind"] == "lambda"}
    document["remote_gpus"] = [gpu for gpu in document["remote_gpus"] if gpu["name"] not in launched]
    for route in document["gateway"]["routes"]:
        route["targets"] = [target for target in route["targets"] if target["model"] not in launched]


def _pool(pool: dict[str, Any], zones: Sequence[str]) -> dict[str, Any]:
    """A pool without what was bought for the first region."""
    bought = [kind for kind in pool["capacity"] if kind not in ("reserved", "capacity_block")]
    return {
        **pool,
        "capacity": bought or ["on_demand"],
        "reservation_ids": [],
        "reservation_tags": {},
        "new_reservation": None,
        "capacity_block": None,
        "zones": [zone for zone in pool["zones"] if zone in zones],
    }


def _patience(start_minutes: int) -> int:
    """Seconds that a request waits for a model that starts for it, on a node that starts for it."""
    return 60 * (start_minutes + NODE_MINUTES + WAKE_MINUTES)


def _replicas(kind: Standby, wanted: int, fewest: int) -> int:
    match kind:
        case "active" | "rebuild":
            return wanted
        case "warm":
            return min(wanted, fewest)
        case "pilot":
            return 0


def _replaced(value: object, old: str, new: str) -> object:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in cast(list[object], value)]
    return value
