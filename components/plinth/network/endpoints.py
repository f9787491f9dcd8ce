"""Private ways to AWS services, open to this account's principals only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.network import EndpointService

if TYPE_CHECKING:
    from plinth.network.vpc import Network


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where endpoints are made."""

    network: "Network"
    """Their parent."""
    name: str
    """Start of their logical names."""
    environment: Environment
    vpc_id: pulumi.Input[str]

    def service(self, service: str) -> str:
        """Full name of a service in the environment's region."""
        return f"com.amazonaws.{self.environment.region}.{service}"


def gateway_endpoints(given: Endpoints, route_table_ids: Sequence[pulumi.Input[str]]) -> None:
    """S3 and DynamoDB, as routes in these tables: at no cost, past NAT."""
    account, region = given.environment.account_id, given.environment.region
    policies = {
        "s3": documents.endpoint_policy(account, documents.image_layers(region)),
        "dynamodb": documents.endpoint_policy(account),
    }
    for service, policy in policies.items():
        aws.ec2.VpcEndpoint(
            f"{given.name}-endpoint-{service}",
            vpc_id=given.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=given.service(service),
            route_table_ids=list(route_table_ids),
            policy=pulumi.Output.json_dumps(policy),
            tags=given.network.tags(service),
            opts=given.network.options(aws.ec2.VpcEndpoint),
        )


def interface_endpoints(
    given: Endpoints,
    services: Sequence[EndpointService],
    subnet_ids: Sequence[pulumi.Input[str]],
    client_cidrs: Sequence[str],
) -> pulumi.Output[str]:
    """These services under their usual names, at addresses in these subnets; gives their security group's id."""
    name, network = given.name, given.network
    group = aws.ec2.SecurityGroup(
        f"{name}-endpoints",
        vpc_id=given.vpc_id,
        description="Interface endpoints of AWS services",
        tags=network.tags("endpoints"),
        opts=network.options(aws.ec2.SecurityGroup),
    )
    for label, cidr in zip(("https", "https-pods"), client_cidrs, strict=False):
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-endpoints-{label}",
            security_group_id=group.id,
            description="HTTPS from inside the VPC",
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=network.options(aws.vpc.SecurityGroupIngressRule),
        )
    policy = documents.endpoint_policy(given.environment.account_id)
    for service in services:
        aws.ec2.VpcEndpoint(
            f"{name}-endpoint-{service.replace('.', '-')}",
            vpc_id=given.vpc_id,
            vpc_endpoint_type="Interface",
            service_name=given.service(service),
            private_dns_enabled=True,
            subnet_ids=list(subnet_ids),
            security_group_ids=[group.id],
            policy=pulumi.Output.json_dumps(policy),
            tags=network.tags(service),
            opts=network.options(aws.ec2.VpcEndpoint),
        )
    return group.id
