"""Checks on the network: what is given fits together."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from plinth.spec.network import ExistingNetwork, ExistingSubnets
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

_MADE = ("cidr", "pod_cidr", "nat", "flow_log_days", "block_public_ingress")
"""Fields that say how a VPC is made."""


def existing_network(spec: "PlatformSpec") -> Iterator[Problem]:
    """A VPC that is there already is described completely, and nothing says how to make another."""
    network, existing = spec.network, spec.network.existing
    if existing is None:
        return
    for field in _MADE:
        if field in network.model_fields_set:
            allowed = "left out where network.existing names a VPC: it says how a VPC is made, and none is made"
            yield Problem(f"network.{field}", getattr(network, field), allowed)
    yield from _a_subnet_in_each_zone(existing.subnets, list(network.zones))
    yield from _no_subnet_twice(existing.subnets)
    yield from _ranges(existing)
    if existing.make_endpoints and not existing.route_table_ids:
        allowed = (
            "the route tables of the private subnets at least: the endpoints of S3 and DynamoDB are routes in them"
        )
        yield Problem("network.existing.route_table_ids", [], allowed)
    if existing.route_table_ids and not existing.make_endpoints:
        allowed = "left out, or make_endpoints: true beside it: nothing is put into them otherwise"
        yield Problem("network.existing.route_table_ids", existing.route_table_ids, allowed)


def _tiers(subnets: ExistingSubnets) -> dict[str, dict[str, str]]:
    return {tier: dict(getattr(subnets, tier)) for tier in ExistingSubnets.model_fields}


def _a_subnet_in_each_zone(subnets: ExistingSubnets, zones: list[str]) -> Iterator[Problem]:
    for tier, given in _tiers(subnets).items():
        needed = tier in ("private", "data") or given
        if needed and set(given) != set(zones):
            missing = [zone for zone in zones if zone not in given]
            surplus = [zone for zone in given if zone not in zones]
            parts = [f"{', '.join(missing)} missing"] * bool(missing)
            parts += [f"{', '.join(surplus)} not among them"] * bool(surplus)
            allowed = f"a subnet in each of network.zones ({', '.join(zones)}): {' and '.join(parts)}"
            yield Problem(f"network.existing.subnets.{tier}", sorted(given), allowed)


def _no_subnet_twice(subnets: ExistingSubnets) -> Iterator[Problem]:
    """A subnet is in one zone and serves one purpose; only the control plane may share one."""
    places: dict[str, str] = {}
    for tier, given in _tiers(subnets).items():
        for zone, subnet in given.items():
            path = f"network.existing.subnets.{tier}.{zone}"
            first = places.setdefault(subnet, path)
            shared = tier == "control_plane" and first.rpartition(".")[2] == zone
            if first != path and not shared:
                yield Problem(path, subnet, f"a subnet that {first} does not have already")


def _ranges(existing: ExistingNetwork) -> Iterator[Problem]:
    if existing.pod_cidr is None:
        return
    if not existing.subnets.pods:
        allowed = "left out, or subnets.pods beside it: without them pods take addresses of the nodes' subnets"
        yield Problem("network.existing.pod_cidr", existing.pod_cidr, allowed)
    if IPv4Network(existing.pod_cidr).overlaps(IPv4Network(existing.cidr)):
        allowed = f"a range outside of cidr {existing.cidr}; leave it out where the pods' subnets are part of that"
        yield Problem("network.existing.pod_cidr", existing.pod_cidr, allowed)
