"""The virtual network: address space, zones, egress and private access to AWS services."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field, field_validator

from plinth.spec.base import Cidr, LogDays, Model

ZoneLetter = Literal["a", "b", "c", "d", "e", "f"]
"""The letter that follows the region's name in an availability zone's name."""

EndpointService = Literal[
    "bedrock-runtime",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]
"""AWS services that the platform can reach through an interface endpoint."""


class Network(Model):
    """One VPC with public, private and data subnets in every zone."""

    cidr: Cidr = "10.0.0.0/16"
    """Address space of the VPC: a private IPv4 network from /16 to /20."""

    zones: Annotated[list[ZoneLetter], Field(min_length=2, max_length=4)] = ["a", "b", "c"]
    """Letters of the availability zones, in a fixed order: append, never reorder."""

    nat: Literal["single", "per_zone"] = "per_zone"
    """One NAT gateway for all zones (cheap) or one in each (survives the loss of a zone)."""

    endpoints: list[EndpointService] = ["ecr.api", "ecr.dkr", "eks-auth", "kms", "logs", "secretsmanager", "sts"]
    """Services reached privately through interface endpoints; S3 and DynamoDB always are, at no cost."""

    flow_log_days: LogDays = 30
    """Days that VPC flow logs are kept."""

    @field_validator("cidr")
    @classmethod
    def _private_and_large_enough(cls, value: str) -> str:
        network = IPv4Network(value)  # raises ValueError when host bits are set
        if not network.is_private:
            raise ValueError("must be a private network (RFC 1918), for example 10.0.0.0/16")
        if not 16 <= network.prefixlen <= 20:
            raise ValueError("must be from /16 to /20 (AWS allows no larger VPC, a smaller one has no room to grow)")
        return value

    @field_validator("zones", "endpoints")
    @classmethod
    def _no_repeats(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("must not repeat an entry")
        return value
