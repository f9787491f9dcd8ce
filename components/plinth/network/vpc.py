"""The network of an environment: a VPC of its own, or one that is there already."""

import pulumi
import pulumi_aws as aws

from plinth import naming
from plinth.base import Component
from plinth.network import layout
from plinth.network.endpoints import Endpoints, gateway_endpoints, interface_endpoints
from plinth.network.flow_logs import flow_logs
from plinth.network.routes import SubnetIds, routes
from plinth.spec.environment import Environment
from plinth.spec.network import ExistingNetwork, ZoneLetter
from plinth.spec.network import Network as NetworkSection


class Network(Component):
    """Public, private, data and control-plane subnets in every zone, and subnets for pods where the spec asks for them.

    Nodes and pods reach the internet through NAT; databases and the Kubernetes API's interfaces cannot reach it at
    all. AWS services are reached through endpoints that admit this account's principals only. With `existing`
    nothing of the VPC is made, and the attributes say what is there.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""

    cidr: str
    """Address space of nodes, databases and the Kubernetes API."""

    cidrs: list[str]
    """Every range of the VPC: `cidr`, and that of the pods where they have one."""

    public_subnet_ids: list[pulumi.Output[str]]
    """Subnets with a route to the internet, in the order of the zones; none in an adopted VPC that names none."""

    nat_sources: list[pulumi.Output[str]]
    """Addresses that pods are seen under on the internet, as ranges. Empty where the VPC was there already."""

    private_subnet_ids: list[pulumi.Output[str]]
    """Subnets of nodes, in the order of the zones."""

    data_subnet_ids: list[pulumi.Output[str]]
    """Subnets of databases, without a route to the internet, in the order of the zones."""

    control_plane_subnet_ids: list[pulumi.Output[str]]
    """Subnets of the Kubernetes API's interfaces, in the order of the zones."""

    private_subnets_by_zone: dict[str, pulumi.Output[str]]
    """Private subnet of each zone by the zone's letter."""

    pod_subnets_by_zone: dict[str, pulumi.Output[str]]
    """Pods' subnet of each zone by the zone's letter; empty where pods share the nodes' subnets."""

    endpoint_security_group_id: pulumi.Output[str] | None
    """Security group of the interface endpoints; None where the platform makes none."""

    private_zone_id: pulumi.Output[str] | None
    """Private Route 53 zone of `private_domain`; None where the spec names no domain."""

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
        self.cidr = section.node_cidr
        self.cidrs = [cidr for cidr in (section.node_cidr, section.secondary_cidr) if cidr]
        self.endpoint_security_group_id = None
        self.nat_sources = []
        if section.existing:
            self._adopt(section.existing)
        else:
            self._build(log_key_arn)
        self.private_zone_id = self._private_zone()
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "data_subnet_ids": self.data_subnet_ids,
                "control_plane_subnet_ids": self.control_plane_subnet_ids,
                "pod_subnets_by_zone": self.pod_subnets_by_zone,
                "private_zone_id": self.private_zone_id,
            }
        )

    def _give(
        self, public: SubnetIds, private: SubnetIds, data: SubnetIds, control: SubnetIds, pods: SubnetIds
    ) -> None:
        """Set the attributes that name subnets."""
        self.public_subnet_ids = list(public.values())
        self.private_subnet_ids = list(private.values())
        self.data_subnet_ids = list(data.values())
        self.control_plane_subnet_ids = list(control.values())
        self.private_subnets_by_zone = private
        self.pod_subnets_by_zone = pods

    def _adopt(self, existing: ExistingNetwork) -> None:
        """Use what is there."""

        def ids(subnets: dict[ZoneLetter, str]) -> SubnetIds:
            return {zone: pulumi.Output.from_input(subnets[zone]) for zone in self._section.zones if zone in subnets}

        given = existing.subnets
        self.vpc_id = pulumi.Output.from_input(existing.vpc_id)
        self._give(
            ids(given.public),
            ids(given.private),
            ids(given.data),
            ids(given.control_plane or given.private),
            ids(given.pods),
        )
        if existing.make_endpoints:
            self._endpoints([pulumi.Output.from_input(table) for table in existing.route_table_ids])

    def _build(self, log_key_arn: pulumi.Input[str]) -> None:
        """Make the VPC and all that is in it."""
        name, section = self._name_prefix, self._section
        self._account_guard()
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=section.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self.tags("vpc"),
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
        plan = layout.plan(section.cidr, section.zones, section.pod_cidr)
        public, private, data, control = (
            {subnet.zone: self._subnet(subnet, vpc.id) for subnet in plan.of(tier)}
            for tier in ("public", "private", "data", "control-plane")
        )
        pods = self._pod_subnets(plan.of("pods"))
        self._give(public, private, data, control, pods)
        tables, addresses = routes(
            self,
            name,
            vpc_id=vpc.id,
            one_nat_gateway=section.nat == "single",
            public=public,
            private=private,
            closed={"data": data, "control-plane": control},
            pods=pods,
        )
        self.nat_sources = [pulumi.Output.concat(address, "/32") for address in addresses]
        self._endpoints(tables)
        flow_logs(
            self,
            f"{name}-flow-logs",
            vpc_id=vpc.id,
            account_id=self._environment.account_id,
            days=section.flow_log_days,
            key_arn=log_key_arn,
            tags=self.tags("flow-logs"),
        )

    def tags(self, suffix: str) -> dict[str, str]:
        """`Name` is what the console shows; it may change, the logical name may not."""
        return {"Name": f"{self._environment.name}-{suffix}"}

    def _account_guard(self) -> None:
        if self._section.block_public_ingress:
            aws.ec2.VpcBlockPublicAccessOptions(
                f"{self._name_prefix}-block-public-access",
                internet_gateway_block_mode="block-ingress",
                opts=self.options(aws.ec2.VpcBlockPublicAccessOptions),
            )

    def _subnet(self, plan: layout.Subnet, vpc_id: pulumi.Input[str]) -> pulumi.Output[str]:
        roles: dict[layout.Tier, dict[str, str]] = {
            "public": {"kubernetes.io/role/elb": "1"},
            "private": {
                "kubernetes.io/role/internal-elb": "1",
                "karpenter.sh/discovery": naming.cluster_name(self._environment),
            },
        }
        return aws.ec2.Subnet(
            f"{self._name_prefix}-{plan.tier}-{plan.zone}",
            vpc_id=vpc_id,
            cidr_block=plan.cidr,
            availability_zone=f"{self._environment.region}{plan.zone}",
            map_public_ip_on_launch=False,
            tags={**self.tags(f"{plan.tier}-{plan.zone}"), **roles.get(plan.tier, {})},
            opts=self.options(aws.ec2.Subnet),
        ).id

    def _pod_subnets(self, planned: list[layout.Subnet]) -> SubnetIds:
        """The VPC's second range, and the pods' subnets in it."""
        if not self._section.pod_cidr:
            return {}
        range_ = aws.ec2.VpcIpv4CidrBlockAssociation(
            f"{self._name_prefix}-pod-range",
            vpc_id=self.vpc_id,
            cidr_block=self._section.pod_cidr,
            opts=self.options(aws.ec2.VpcIpv4CidrBlockAssociation),
        )
        # By way of the range, so that the subnets come after it and go before it.
        return {subnet.zone: self._subnet(subnet, range_.vpc_id) for subnet in planned}

    def _endpoints(self, tables: list[pulumi.Output[str]]) -> None:
        """Gateway endpoints for S3 and DynamoDB, interface endpoints for what the spec lists."""
        given = Endpoints(self, self._name_prefix, self._environment, self.vpc_id)
        gateway_endpoints(given, tables)
        self.endpoint_security_group_id = interface_endpoints(
            given, self._section.endpoints, self.private_subnet_ids, self.cidrs
        )

    def _private_zone(self) -> pulumi.Output[str] | None:
        """A DNS zone that only this VPC can ask."""
        domain = self._section.private_domain
        if not domain:
            return None
        return aws.route53.Zone(
            f"{self._name_prefix}-private-zone",
            name=domain,
            comment=f"Names inside the platform environment {self._environment.name}",
            vpcs=[{"vpc_id": self.vpc_id, "vpc_region": self._environment.region}],
            # Controllers add records that this program does not know.
            force_destroy=not self._environment.protects_data,
            opts=self.options(aws.route53.Zone),
        ).zone_id
