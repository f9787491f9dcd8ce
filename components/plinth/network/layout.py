"""Where each subnet lies in the address space: pure arithmetic, so that a plan never moves a subnet."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

Tier = Literal["public", "private", "pods", "data", "control-plane"]
"""public: load balancers and NAT; private: nodes; pods: pods, on a secondary range; data: databases; control-plane:
the network interfaces of the Kubernetes API. The last two have no way to the internet."""

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
    spare: tuple[str, ...]
    """Networks that no subnet of any zone will ever use: room for tiers that come later."""

    def of(self, tier: Tier) -> list[Subnet]:
        """Subnets of one tier, in the order of the zones; none where the network has no such tier."""
        return [subnet for subnet in self.subnets if subnet.tier == tier]


def plan(cidr: str, zones: Sequence[str], pod_cidr: str | None = None) -> Layout:
    """Place the subnets of every zone.

    The first half of the VPC holds the private subnets, an eighth of the VPC each, because pods take an address
    each where they have no range of their own. The third quarter is cut into sixty-fourths of the VPC: four for the
    public subnets, four for the data subnets, four for the control plane and four that stay free. The last quarter
    stays free. Each zone has a quarter of the pods' range.

    A subnet's place follows from its tier and its zone's position in `zones` alone: appending a zone, or giving pods
    a range, moves nothing.

    Args:
        cidr: address space of the VPC, /16 to /20.
        zones: letters of the zones, at most `MAX_ZONES`.
        pod_cidr: secondary range for pods, /16 to /20; None where pods share the nodes' subnets.

    Raises:
        ValueError: there are more zones than places.
    """
    if len(zones) > MAX_ZONES:
        raise ValueError(f"{len(zones)} zones do not fit: places are reserved for {MAX_ZONES}")
    vpc = IPv4Network(cidr)
    quarters = list(vpc.subnets(prefixlen_diff=2))
    small = list(quarters[2].subnets(prefixlen_diff=4))
    public, data, control, free = (small[start : start + MAX_ZONES] for start in range(0, len(small), MAX_ZONES))
    places: dict[Tier, list[IPv4Network]] = {
        "public": public,
        "private": list(vpc.subnets(prefixlen_diff=3))[:MAX_ZONES],
        "data": data,
        "control-plane": control,
    }
    if pod_cidr:
        places["pods"] = list(IPv4Network(pod_cidr).subnets(prefixlen_diff=2))
    subnets = tuple(
        Subnet(tier, zone, str(networks[position]))
        for tier, networks in places.items()
        for position, zone in enumerate(zones)
    )
    left = free[0].supernet(new_prefix=quarters[2].prefixlen + 2)
    return Layout(subnets, spare=(str(left), str(quarters[3])))
