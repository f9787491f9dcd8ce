"""The VPC of an environment."""

import pulumi
import pulumi_aws as aws

from plinth import naming
from plinth.base import Component
from plinth.network import layout
from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.network import Network as NetworkSection


class Network(Component):
    """One VPC with public, private and data subnets in every zone.

    Nodes and pods reach the internet through NAT; databases cannot reach it at all. AWS services are reached
    through endpoints that admit this account's principals only.
    """

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
        self._name_prefix = name
        self._section = section
        self.cidr = section.cidr

        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=section.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self.options(aws.ec2.Vpc),
        )
        self.vpc_id = vpc.id
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-security-group",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            opts=self.options(aws.ec2.DefaultSecurityGroup),
        )

        plan = layout.plan(section.cidr, section.zones)
        public = {subnet.zone: self._subnet(subnet) for subnet in plan.of("public")}
        private = {subnet.zone: self._subnet(subnet) for subnet in plan.of("private")}
        data = {subnet.zone: self._subnet(subnet) for subnet in plan.of("data")}
        self.public_subnet_ids = [subnet.id for subnet in public.values()]
        self.private_subnet_ids = [subnet.id for subnet in private.values()]
        self.data_subnet_ids = [subnet.id for subnet in data.values()]
        self.private_subnets_by_zone = {zone: subnet.id for zone, subnet in private.items()}

        tables = self._routes(public, private, data)
        self.endpoint_security_group_id = self._endpoints(tables)
        self._flow_logs(log_key_arn)

        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "data_subnet_ids": self.data_subnet_ids,
            }
        )

    def _tags(self, suffix: str) -> dict[str, str]:
        """`Name` is what the console shows; it may change, the logical name may not."""
        return {"Name": f"{self._environment.name}-{suffix}"}

    def _subnet(self, plan: layout.Subnet) -> aws.ec2.Subnet:
        roles: dict[layout.Tier, dict[str, str]] = {
            "public": {"kubernetes.io/role/elb": "1"},
            "private": {
                "kubernetes.io/role/internal-elb": "1",
                "karpenter.sh/discovery": naming.cluster_name(self._environment),
            },
            "data": {},
        }
        return aws.ec2.Subnet(
            f"{self._name_prefix}-{plan.tier}-{plan.zone}",
            vpc_id=self.vpc_id,
            cidr_block=plan.cidr,
            availability_zone=f"{self._environment.region}{plan.zone}",
            map_public_ip_on_launch=False,
            tags={**self._tags(f"{plan.tier}-{plan.zone}"), **roles[plan.tier]},
            opts=self.options(aws.ec2.Subnet),
        )

    def _routes(
        self,
        public: dict[str, aws.ec2.Subnet],
        private: dict[str, aws.ec2.Subnet],
        data: dict[str, aws.ec2.Subnet],
    ) -> list[pulumi.Output[str]]:
        """Route tables: one for the public tier, one for each private subnet, one for the data tier."""
        name = self._name_prefix
        internet = aws.ec2.InternetGateway(
            f"{name}-internet-gateway",
            vpc_id=self.vpc_id,
            tags=self._tags("internet"),
            opts=self.options(aws.ec2.InternetGateway),
        )
        public_table = self._table("public", public)
        aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=public_table,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=internet.id,
            opts=self.options(aws.ec2.Route),
        )
        gateway_zones = self._section.zones[:1] if self._section.nat == "single" else self._section.zones
        gateways = {zone: self._nat(zone, public[zone], internet) for zone in gateway_zones}
        private_tables: list[pulumi.Output[str]] = []
        for zone, subnet in private.items():
            table = self._table(f"private-{zone}", {zone: subnet})
            aws.ec2.Route(
                f"{name}-private-{zone}-nat",
                route_table_id=table,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=gateways.get(zone, gateways[gateway_zones[0]]).id,
                opts=self.options(aws.ec2.Route),
            )
            private_tables.append(table)
        return [public_table, *private_tables, self._table("data", data)]

    def _table(self, suffix: str, subnets: dict[str, aws.ec2.Subnet]) -> pulumi.Output[str]:
        name = f"{self._name_prefix}-{suffix}"
        table = aws.ec2.RouteTable(
            f"{name}-routes",
            vpc_id=self.vpc_id,
            tags=self._tags(suffix),
            opts=self.options(aws.ec2.RouteTable),
        )
        for zone, subnet in subnets.items():
            label = name if suffix.endswith(f"-{zone}") else f"{name}-{zone}"
            aws.ec2.RouteTableAssociation(
                f"{label}-routes-association",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self.options(aws.ec2.RouteTableAssociation),
            )
        return table.id

    def _nat(self, zone: str, subnet: aws.ec2.Subnet, internet: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        name = f"{self._name_prefix}-nat-{zone}"
        address = aws.ec2.Eip(
            f"{name}-address", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=self.options(aws.ec2.Eip)
        )
        return aws.ec2.NatGateway(
            name,
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags=self._tags(f"nat-{zone}"),
            opts=self.options(aws.ec2.NatGateway, depends_on=[internet]),
        )

    def _endpoints(self, tables: list[pulumi.Output[str]]) -> pulumi.Output[str]:
        """Gateway endpoints for S3 and DynamoDB, interface endpoints for what the spec lists."""
        name, region, account = self._name_prefix, self._environment.region, self._environment.account_id
        gateway_policies = {
            "s3": documents.endpoint_policy(account, documents.image_layers(region)),
            "dynamodb": documents.endpoint_policy(account),
        }
        for service, policy in gateway_policies.items():
            aws.ec2.VpcEndpoint(
                f"{name}-endpoint-{service}",
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Gateway",
                service_name=f"com.amazonaws.{region}.{service}",
                route_table_ids=tables,
                policy=pulumi.Output.json_dumps(policy),
                tags=self._tags(service),
                opts=self.options(aws.ec2.VpcEndpoint),
            )
        group = aws.ec2.SecurityGroup(
            f"{name}-endpoints",
            vpc_id=self.vpc_id,
            description="Interface endpoints of AWS services",
            tags=self._tags("endpoints"),
            opts=self.options(aws.ec2.SecurityGroup),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-endpoints-https",
            security_group_id=group.id,
            description="HTTPS from inside the VPC",
            cidr_ipv4=self.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=self.options(aws.vpc.SecurityGroupIngressRule),
        )
        for service in self._section.endpoints:
            aws.ec2.VpcEndpoint(
                f"{name}-endpoint-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{region}.{service}",
                private_dns_enabled=True,
                subnet_ids=self.private_subnet_ids,
                security_group_ids=[group.id],
                policy=pulumi.Output.json_dumps(documents.endpoint_policy(account)),
                tags=self._tags(service),
                opts=self.options(aws.ec2.VpcEndpoint),
            )
        return group.id

    def _flow_logs(self, log_key_arn: pulumi.Input[str]) -> None:
        """Every connection, accepted or refused, to an encrypted log group."""
        name = f"{self._name_prefix}-flow-logs"
        group = aws.cloudwatch.LogGroup(
            name,
            retention_in_days=self._section.flow_log_days,
            kms_key_id=log_key_arn,
            opts=self.options(aws.cloudwatch.LogGroup),
        )
        trust = documents.service_trust("vpc-flow-logs.amazonaws.com", self._environment.account_id)
        role = aws.iam.Role(
            f"{name}-role",
            description="VPC flow logs write to their log group",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            opts=self.options(aws.iam.Role),
        )
        aws.iam.RolePolicy(
            f"{name}-write",
            role=role.name,
            policy=pulumi.Output.json_dumps(documents.write_flow_logs(group.arn)),
            opts=self.options(aws.iam.RolePolicy),
        )
        aws.ec2.FlowLog(
            f"{name}-all",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=self._tags("flow-logs"),
            opts=self.options(aws.ec2.FlowLog),
        )
