"""Where each subnet's traffic goes: route tables, the internet gateway and NAT."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from plinth.network.vpc import Network

SubnetIds = dict[str, pulumi.Output[str]]
"""Subnet ids of a tier by the zone's letter, in the order of the zones."""

_EVERYWHERE = "0.0.0.0/0"


def routes(
    network: "Network",
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    one_nat_gateway: bool,
    public: SubnetIds,
    private: SubnetIds,
    closed: Mapping[str, SubnetIds],
    pods: SubnetIds,
) -> tuple[list[pulumi.Output[str]], list[pulumi.Output[str]]]:
    """One table for the public tier, one for each zone's private and pods' subnets, one for each closed tier.

    Args:
        network: parent of what is made.
        name: start of the logical names.
        vpc_id: the VPC.
        one_nat_gateway: whether all zones share the NAT gateway of the first.
        public: subnets that reach the internet directly.
        private: subnets that reach it through NAT.
        closed: subnets that do not reach it, by tier.
        pods: subnets of pods; each goes with the private subnet of its zone.

    Returns:
        Ids of the route tables, and public addresses of the NAT gateways.
    """
    internet = aws.ec2.InternetGateway(
        f"{name}-internet-gateway",
        vpc_id=vpc_id,
        tags=network.tags("internet"),
        opts=network.options(aws.ec2.InternetGateway),
    )
    public_table = _table(network, name, vpc_id, "public", public)
    aws.ec2.Route(
        f"{name}-public-internet",
        route_table_id=public_table,
        destination_cidr_block=_EVERYWHERE,
        gateway_id=internet.id,
        opts=network.options(aws.ec2.Route),
    )
    zones = list(private)
    gateways = {
        zone: _nat(network, f"{name}-nat-{zone}", zone, public[zone], internet)
        for zone in (zones[:1] if one_nat_gateway else zones)
    }
    private_tables: list[pulumi.Output[str]] = []
    for zone, subnet in private.items():
        table = _table(network, name, vpc_id, f"private-{zone}", {zone: subnet})
        if zone in pods:
            _associate(network, f"{name}-pods-{zone}", table, pods[zone])
        aws.ec2.Route(
            f"{name}-private-{zone}-nat",
            route_table_id=table,
            destination_cidr_block=_EVERYWHERE,
            nat_gateway_id=gateways.get(zone, gateways[zones[0]]).id,
            opts=network.options(aws.ec2.Route),
        )
        private_tables.append(table)
    closed_tables = [_table(network, name, vpc_id, tier, subnets) for tier, subnets in closed.items()]
    addresses = [gateway.public_ip for gateway in gateways.values()]
    return [public_table, *private_tables, *closed_tables], addresses


def _table(
    network: "Network", name: str, vpc_id: pulumi.Input[str], suffix: str, subnets: SubnetIds
) -> pulumi.Output[str]:
    table = aws.ec2.RouteTable(
        f"{name}-{suffix}-routes",
        vpc_id=vpc_id,
        tags=network.tags(suffix),
        opts=network.options(aws.ec2.RouteTable),
    )
    for zone, subnet in subnets.items():
        label = f"{name}-{suffix}" if suffix.endswith(f"-{zone}") else f"{name}-{suffix}-{zone}"
        _associate(network, label, table.id, subnet)
    return table.id


def _associate(network: "Network", label: str, table: pulumi.Input[str], subnet: pulumi.Input[str]) -> None:
    aws.ec2.RouteTableAssociation(
        f"{label}-routes-association",
        route_table_id=table,
        subnet_id=subnet,
        opts=network.options(aws.ec2.RouteTableAssociation),
    )


def _nat(
    network: "Network", name: str, zone: str, subnet: pulumi.Input[str], internet: aws.ec2.InternetGateway
) -> aws.ec2.NatGateway:
    tags = network.tags(f"nat-{zone}")
    address = aws.ec2.Eip(f"{name}-address", domain="vpc", tags=tags, opts=network.options(aws.ec2.Eip))
    return aws.ec2.NatGateway(
        name,
        allocation_id=address.id,
        subnet_id=subnet,
        tags=tags,
        opts=network.options(aws.ec2.NatGateway, depends_on=[internet]),
    )
