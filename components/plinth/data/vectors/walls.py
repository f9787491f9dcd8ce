"""Who reaches vector stores, and how. Pure."""

from pulumi_kubernetes import networking

from plinth import pods
from plinth.data.vectors import plan
from plinth.spec import PlatformSpec

HTTPS = 443


def aws_cidr(spec: PlatformSpec) -> str:
    """Addresses of AWS services that engines are: the VPC's, unless it was there already and may lack endpoints."""
    return "0.0.0.0/0" if spec.network.existing else spec.network.node_cidr


def job_egress(spec: PlatformSpec) -> list[networking.v1.NetworkPolicyEgressRuleArgs]:
    """What the Job that makes collections may reach."""
    rules = [pods.allow_dns()]
    if any(engine.kind in plan.IN_AWS for engine in plan.beside_postgres(spec.vector).values()):
        rules += [pods.allow_pod_identity(), pods.allow_addresses(aws_cidr(spec), HTTPS)]
    return rules
