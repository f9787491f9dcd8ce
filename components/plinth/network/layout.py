"""Where each subnet lies in the VPC's address space: pure arithmetic, so that a plan never moves a subnet."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

Tier = Literal["public", "private", "data"]
"""public: load balancers and NAT; private: nodes and pods; data: databases, with no way to the internet."""

MAX_ZONES = 4
"""Zones that have their place reserved, whether they are used yet or not."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet."""

    tier: Tier
    zone: str
    """Letter of the availability zone."""
    cidr: str


@dataclass(frozen=True, slots=True)
class Layout:
    """All subnets, and what is left to grow into."""

    subnets: tuple[Subnet, ...]
    spare: str
    """Network that no subnet of any zone will ever use: room for tiers that come later."""

    def of(self, tier: Tier) -> list[Subnet]:
        """Subnets of one tier, in the order of the zones."""
        return [subnet for subnet in self.subnets if subnet.tier == tier]


def plan(cidr: str, zones: Sequence[str]) -> Layout:
    """Place the subnets of every zone.

    The first half of the VPC holds the private subnets, an eighth of the VPC each, because pods take an address
    each. The third quarter holds the public and data subnets, a sixty-fourth each. The last quarter stays free.
    A zone's place follows from its position in `zones`, so appending a zone moves nothing.

    Args:
        cidr: address space of the VPC, /16 to /20.
        zones: letters of the zones, at most `MAX_ZONES`.

    Raises:
        ValueError: there are more zones than places.
    """
    if len(zones) > MAX_ZONES:
        raise ValueError(f"{len(zones)} zones do not fit: places are reserved for {MAX_ZONES}")
    vpc = IPv4Network(cidr)
    quarters = list(vpc.subnets(prefixlen_diff=2))
    private = list(vpc.subnets(prefixlen_diff=3))[:MAX_ZONES]
    small = list(quarters[2].subnets(prefixlen_diff=4))
    places: dict[Tier, list[IPv4Network]] = {
        "public": small[:MAX_ZONES],
        "private": private,
        "data": small[MAX_ZONES : 2 * MAX_ZONES],
    }
    subnets = tuple(
        Subnet(tier, zone, str(networks[position]))
        for tier, networks in places.items()
        for position, zone in enumerate(zones)
    )
    return Layout(subnets, spare=str(quarters[3]))
