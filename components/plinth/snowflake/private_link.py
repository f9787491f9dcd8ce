"""AWS PrivateLink: Snowflake inside the VPC, under its own names.

Source: Snowflake documentation, "AWS PrivateLink and Snowflake".
"""

import pulumi
import pulumi_aws as aws

from plinth.network.vpc import Network
from plinth.snowflake.maker import Maker
from plinth.spec.snowflake.users import SnowflakePrivateLink

PORTS = (443, 80)
"""TLS, and OCSP, which has none."""


def private_link(make: Maker, section: SnowflakePrivateLink, network: Network) -> pulumi.Output[str]:
    """An endpoint in the nodes' subnets with Snowflake's private names; gives its id."""
    group = aws.ec2.SecurityGroup(
        make.logical("private-link"),
        description="Snowflake PrivateLink, from within the VPC",
        vpc_id=network.vpc_id,
        opts=make.component.options(aws.ec2.SecurityGroup),
    )
    for cidr in network.cidrs:
        for port in PORTS:
            aws.vpc.SecurityGroupIngressRule(
                make.logical("private-link", cidr.replace("/", "-"), str(port)),
                security_group_id=group.id,
                cidr_ipv4=cidr,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description="Nodes and pods",
                opts=make.component.options(aws.vpc.SecurityGroupIngressRule),
            )
    endpoint = aws.ec2.VpcEndpoint(
        make.logical("private-link", "endpoint"),
        vpc_id=network.vpc_id,
        service_name=section.service_name,
        vpc_endpoint_type="Interface",
        subnet_ids=network.private_subnet_ids,
        security_group_ids=[group.id],
        private_dns_enabled=False,
        tags={"Name": "snowflake"},
        opts=make.component.options(aws.ec2.VpcEndpoint),
    )
    zone = aws.route53.Zone(
        make.logical("private-link", "zone"),
        name="privatelink.snowflakecomputing.com",
        comment="Snowflake through PrivateLink",
        vpcs=[{"vpc_id": network.vpc_id}],
        opts=make.component.options(aws.route53.Zone),
    )
    address = endpoint.dns_entries.apply(lambda entries: str(entries[0].dns_name))
    for label, host in (("account", section.account_host), ("ocsp", section.ocsp_host)):
        aws.route53.Record(
            make.logical("private-link", label),
            zone_id=zone.id,
            name=host,
            type="CNAME",
            ttl=300,
            records=[address],
            opts=make.component.options(aws.route53.Record),
        )
    return endpoint.id
