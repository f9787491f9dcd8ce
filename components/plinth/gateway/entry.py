"""The gateway's address outside of the cluster.

The load balancer is Pulumi's own, not a controller's: it is in previews, policies read it, and nothing of it is left
behind. Its targets are the system nodes, where the gateway runs, through a node port that only nodes with a ready
gateway answer on.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes import core, meta

from plinth import addresses, pods
from plinth.base import Component
from plinth.network.vpc import Network
from plinth.spec.entry import Entry as EntrySection
from plinth.spec.environment import Environment

NODE_PORT = 30443
"""Port of the nodes that the load balancer connects to."""

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy and authenticated encryption only."""

DRAIN_SECONDS = 120
"""Time that connections get when a node goes."""

Part = Literal["only", "primary", "secondary", "nearest"]
"""What a region is to the name: the only one, the first, the one that takes over, or one of two that both answer."""


@dataclass(frozen=True)
class EntryPlatform:
    """What an entry stands on."""

    network: Network
    node_security_group_id: pulumi.Input[str]
    node_scaling_group: pulumi.Input[str]
    """Auto Scaling group of the nodes that the gateway runs on."""
    namespace: pulumi.Input[str]
    """Namespace of the gateway."""
    port_name: str
    """Name of the gateway's port."""
    part: Part


class Entry(Component):
    """Load balancer, certificate and DNS name of the gateway."""

    url: str
    """What clients use as base URL."""

    def __init__(
        self,
        name: str,
        section: EntrySection,
        *,
        environment: Environment,
        platform: EntryPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Entry", name, section, environment=environment, opts=opts)
        self._name, self._section, self._platform = name, section, platform
        self.url = f"https://{section.host}/v1"
        group = self._security_group()
        targets = self._targets()
        balancer = self._balancer(group)
        aws.lb.Listener(
            f"{name}-tls",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="TLS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._certificate(),
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            opts=self.options(aws.lb.Listener),
        )
        self._record(balancer)
        self.register_outputs({"url": self.url})

    def _security_group(self) -> pulumi.Output[str]:
        """Clients reach the load balancer, the load balancer the node port, and nothing else."""
        name, network = self._name, self._platform.network
        group = aws.ec2.SecurityGroup(
            f"{name}-access",
            vpc_id=network.vpc_id,
            description="Load balancer of the gateway",
            opts=self.options(aws.ec2.SecurityGroup),
        )
        for cidr in self._section.allowed_cidrs:
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-from-{cidr.replace('/', '-')}",
                security_group_id=group.id,
                description="Clients",
                cidr_ipv4=cidr,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                opts=self.options(aws.vpc.SecurityGroupIngressRule),
            )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-nodes",
            security_group_id=group.id,
            description="The gateway's node port",
            referenced_security_group_id=self._platform.node_security_group_id,
            ip_protocol="tcp",
            from_port=NODE_PORT,
            to_port=NODE_PORT,
            opts=self.options(aws.vpc.SecurityGroupEgressRule),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-at-nodes",
            security_group_id=self._platform.node_security_group_id,
            description="The gateway's load balancer",
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=NODE_PORT,
            to_port=NODE_PORT,
            opts=self.options(aws.vpc.SecurityGroupIngressRule),
        )
        return group.id

    def _balancer(self, group_id: pulumi.Output[str]) -> aws.lb.LoadBalancer:
        network, internal = self._platform.network, self._section.internal
        return aws.lb.LoadBalancer(
            f"{self._name}-balancer",
            load_balancer_type="network",
            internal=internal,
            subnets=network.private_subnet_ids if internal else network.public_subnet_ids,
            security_groups=[group_id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=self._environment.protects_data,
            opts=self.options(aws.lb.LoadBalancer),
        )

    def _targets(self) -> aws.lb.TargetGroup:
        """The system nodes. One without a ready gateway refuses the connection, and so fails the check."""
        service = core.v1.Service(
            f"{self._name}-service",
            metadata=meta.v1.ObjectMetaArgs(
                name="gateway-entry",
                namespace=self._platform.namespace,
                labels=pods.labels(addresses.GATEWAY, addresses.GATEWAY),
            ),
            spec=core.v1.ServiceSpecArgs(
                type="NodePort",
                external_traffic_policy="Local",
                selector=pods.selector(addresses.GATEWAY, addresses.GATEWAY),
                ports=[
                    core.v1.ServicePortArgs(
                        name=self._platform.port_name,
                        port=443,
                        target_port=self._platform.port_name,
                        node_port=NODE_PORT,
                    )
                ],
            ),
            opts=self.options(core.v1.Service),
        )
        targets = aws.lb.TargetGroup(
            f"{self._name}-nodes",
            vpc_id=self._platform.network.vpc_id,
            target_type="instance",
            protocol="TCP",
            port=NODE_PORT,
            # The gateway's network policy knows the load balancer by its address in the VPC.
            preserve_client_ip="false",
            deregistration_delay=DRAIN_SECONDS,
            connection_termination=True,
            health_check={"protocol": "TCP", "interval": 10, "healthy_threshold": 2, "unhealthy_threshold": 2},
            opts=self.options(aws.lb.TargetGroup),
        )
        aws.autoscaling.Attachment(
            f"{self._name}-attachment",
            autoscaling_group_name=self._platform.node_scaling_group,
            lb_target_group_arn=targets.arn,
            opts=self.options(aws.autoscaling.Attachment, depends_on=[service]),
        )
        return targets

    def _certificate(self) -> pulumi.Output[str]:
        """A certificate in this region, once AWS has seen the record that proves the name is ours."""
        certificate = aws.acm.Certificate(
            f"{self._name}-certificate",
            domain_name=self._section.host,
            validation_method="DNS",
            opts=self.options(aws.acm.Certificate),
        )
        proof = certificate.domain_validation_options.apply(lambda options: options[0])
        record = aws.route53.Record(
            f"{self._name}-proof",
            zone_id=self._section.zone_id,
            name=proof.apply(lambda option: option.resource_record_name or ""),
            type=proof.apply(lambda option: option.resource_record_type or ""),
            records=[proof.apply(lambda option: option.resource_record_value or "")],
            ttl=300,
            # Two regions prove the same name with the same record.
            allow_overwrite=True,
            opts=self.options(aws.route53.Record),
        )
        validation = aws.acm.CertificateValidation(
            f"{self._name}-validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self.options(aws.acm.CertificateValidation),
        )
        return validation.certificate_arn

    def _record(self, balancer: aws.lb.LoadBalancer) -> None:
        """The name. Route 53 leaves out a region whose load balancer has no healthy target."""
        part, region = self._platform.part, self._environment.region
        failover: list[aws.route53.RecordFailoverRoutingPolicyArgsDict] = []
        if part in ("primary", "secondary"):
            failover = [{"type": part.upper()}]
        aws.route53.Record(
            f"{self._name}-name",
            zone_id=self._section.zone_id,
            name=self._section.host,
            type="A",
            aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
            set_identifier=None if part == "only" else region,
            failover_routing_policies=failover or None,
            latency_routing_policies=[{"region": region}] if part == "nearest" else None,
            opts=self.options(aws.route53.Record),
        )
