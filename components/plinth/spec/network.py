"""The virtual network: address space, zones, egress and private access to AWS services."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field, field_validator

from plinth.spec.base import Cidr, LogDays, Model, matches

ZoneLetter = Literal["a", "b", "c", "d", "e", "f"]
"""The letter that follows the region's name in an availability zone's name."""

EndpointService = Literal[
    "autoscaling",
    "bedrock-runtime",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "events",
    "kms",
    "logs",
    "monitoring",
    "s3vectors",
    "sagemaker.runtime",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]
"""AWS services that the platform can reach through an interface endpoint."""

SHARED_SPACE = IPv4Network("100.64.0.0/10")
"""Shared address space (RFC 6598): AWS takes it as a secondary range beside any private one."""

VpcId = Annotated[str, matches(r"^vpc-[0-9a-f]{8,17}$", "the id of a VPC, for example vpc-0a1b2c3d4e5f60718")]
SubnetId = Annotated[
    str, matches(r"^subnet-[0-9a-f]{8,17}$", "the id of a subnet, for example subnet-0a1b2c3d4e5f6071")
]
RouteTableId = Annotated[str, matches(r"^rtb-[0-9a-f]{8,17}$", "the id of a route table, for example rtb-0a1b2c3d4e5f")]

DomainName = Annotated[
    str,
    matches(
        r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$",
        "a domain name in lower case, for example ai.acme.internal",
        max_length=253,
    ),
]

SubnetsByZone = dict[ZoneLetter, SubnetId]
"""One subnet in each zone, by the zone's letter."""


class ExistingSubnets(Model):
    """Subnets of a VPC that is there already, one for each of `network.zones` in every tier that is given."""

    private: SubnetsByZone
    """Subnets of nodes, with a route to the internet through NAT or a proxy."""

    data: SubnetsByZone
    """Subnets of databases."""

    public: SubnetsByZone = {}
    """Subnets of load balancers that face the internet. Empty: there are none."""

    pods: SubnetsByZone = {}
    """Subnets of pods. Empty: pods take addresses of the nodes' subnets."""

    control_plane: SubnetsByZone = {}
    """Subnets of the Kubernetes API's network interfaces, /28 or larger. Empty: the private ones."""


class ExistingNetwork(Model):
    """A VPC that somebody else made: it is used as it is, and nothing in it is changed but what is named here."""

    vpc_id: VpcId
    """Id of the VPC."""

    cidr: Cidr
    """Address space of the VPC that nodes are in."""

    pod_cidr: Cidr | None = None
    """Address space of the pods' subnets, where it is not part of `cidr`."""

    subnets: ExistingSubnets
    """Its subnets, by tier and zone."""

    make_endpoints: bool = False
    """Whether the endpoints that `network.endpoints` lists, and those for S3 and DynamoDB, are made in the VPC. A VPC
    has one private endpoint a service at most: leave it off where the VPC's owner made them."""

    route_table_ids: list[RouteTableId] = []
    """Route tables of the VPC that the endpoints of S3 and DynamoDB are put into; needed with `make_endpoints`."""

    @field_validator("cidr", "pod_cidr")
    @classmethod
    def _a_network(cls, value: str | None) -> str | None:
        if value is not None:
            IPv4Network(value)  # raises ValueError when host bits are set
        return value


class Network(Model):
    """One VPC with public, private, data and control-plane subnets in every zone, and with pod subnets where wanted."""

    cidr: Cidr = "10.0.0.0/16"
    """Address space of the VPC: a private IPv4 network from /16 to /20."""

    zones: Annotated[list[ZoneLetter], Field(min_length=2, max_length=4)] = ["a", "b", "c"]
    """Letters of the availability zones, in a fixed order: append, never reorder."""

    pod_cidr: Cidr | None = None
    """Second range of the VPC, for pods only: from /16 to /20 of 100.64.0.0/10. It costs the company's own address
    plan nothing, and pods reach what is outside the VPC under their node's address. Empty: pods take addresses of the
    nodes' subnets. Decide before the cluster has nodes: those that are there keep their pods where they are."""

    nat: Literal["single", "per_zone"] = "per_zone"
    """One NAT gateway for all zones (cheap) or one in each (survives the loss of a zone)."""

    endpoints: list[EndpointService] = ["ecr.api", "ecr.dkr", "eks-auth", "kms", "logs", "secretsmanager", "sts"]
    """Services reached privately through interface endpoints; S3 and DynamoDB always are, at no cost."""

    flow_log_days: LogDays = 30
    """Days that VPC flow logs are kept."""

    private_domain: DomainName | None = None
    """Name of a private DNS zone that the VPC resolves, for example ai.acme.internal. Empty: none is made."""

    block_public_ingress: bool = False
    """Whether AWS refuses everything that comes in from the internet, in every VPC of this account and region,
    whatever security groups and routes say; connections out through NAT go on. For accounts that are the platform's
    alone."""

    existing: ExistingNetwork | None = None
    """A VPC that is there already and is used instead of making one. Empty: the VPC is made."""

    @property
    def node_cidr(self) -> str:
        """Address space that nodes, databases and the Kubernetes API have their addresses in."""
        return self.existing.cidr if self.existing else self.cidr

    @property
    def secondary_cidr(self) -> str | None:
        """Address space of pods where it is another one."""
        return self.existing.pod_cidr if self.existing else self.pod_cidr

    @property
    def has_pod_subnets(self) -> bool:
        """Whether pods have subnets of their own."""
        return bool(self.existing.subnets.pods) if self.existing else self.pod_cidr is not None

    @field_validator("cidr")
    @classmethod
    def _private_and_large_enough(cls, value: str) -> str:
        network = IPv4Network(value)  # raises ValueError when host bits are set
        if not network.is_private:
            raise ValueError("must be a private network (RFC 1918), for example 10.0.0.0/16")
        if not 16 <= network.prefixlen <= 20:
            raise ValueError("must be from /16 to /20 (AWS allows no larger VPC, a smaller one has no room to grow)")
        return value

    @field_validator("pod_cidr")
    @classmethod
    def _shared_space(cls, value: str | None) -> str | None:
        if value is not None:
            network = IPv4Network(value)
            if not network.subnet_of(SHARED_SPACE) or not 16 <= network.prefixlen <= 20:
                raise ValueError(f"must be from /16 to /20 within {SHARED_SPACE}, for example 100.64.0.0/16")
        return value

    @field_validator("zones", "endpoints")
    @classmethod
    def _no_repeats(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("must not repeat an entry")
        return value
