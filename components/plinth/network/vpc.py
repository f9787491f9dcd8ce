"""The VPC of an environment."""

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment
from plinth.spec.network import Network as NetworkSection


class Network(Component):
    """One VPC with public, private and data subnets in every zone."""

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""

    cidr: str
    """Address space of the VPC."""

    public_subnet_ids: list[pulumi.Output[str]]
    """Subnets with a route to the internet, in the order of the zones."""

    private_subnet_ids: list[pulumi.Output[str]]
    """Subnets of nodes and pods, in the order of the zones."""

    data_subnet_ids: list[pulumi.Output[str]]
    """Subnets of databases, without a route to the internet, in the order of the zones."""

    private_subnets_by_zone: dict[str, pulumi.Output[str]]
    """Private subnet of each zone by the zone's letter."""

    endpoint_security_group_id: pulumi.Output[str]
    """Security group of the interface endpoints."""

    def __init__(
        self,
        name: str,
        section: NetworkSection,
        *,
        environment: Environment,
        log_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Network", name, section, environment=environment, opts=opts)
