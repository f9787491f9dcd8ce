"""Rules on the EKS cluster."""

from collections.abc import Iterator
from ipaddress import IPv6Network, ip_network

from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import MISSING, UNKNOWN, absent, flag, shown, texts

_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 16
_WHY = "anyone on the internet could try to log in to the Kubernetes API"
_FIX = "name the networks that need access in cluster.public_access_cidrs, or leave it empty for a private endpoint"


def _api_not_open(cluster: Resource) -> Iterator[Finding]:
    public = cluster.get("vpcConfig", "endpointPublicAccess")
    if public is UNKNOWN or flag(public) is False:
        return
    said = "not set, which EKS takes as true" if public is MISSING else "true"
    networks = cluster.get("vpcConfig", "publicAccessCidrs")
    if absent(networks):
        yield Finding(
            f"endpointPublicAccess is {said}, and publicAccessCidrs is empty, which EKS takes as 0.0.0.0/0", _WHY, _FIX
        )
    for cidr in texts(networks):
        if _is_the_world(cidr):
            yield Finding(f"endpointPublicAccess is {said}, and publicAccessCidrs has {shown(cidr)}", _WHY, _FIX)


def _is_the_world(cidr: str) -> bool:
    """Whether a network is so wide that a few of its kind cover the internet (0.0.0.0/1 and 128.0.0.0/1)."""
    try:
        network = ip_network(str.__str__(cidr), strict=False)
    except ValueError:
        return False
    return network.prefixlen < (_WIDEST_IPV6 if isinstance(network, IPv6Network) else _WIDEST_IPV4)


EKS_API_NOT_OPEN = Rule(
    id="eks-api-not-open",
    title="The Kubernetes API is not open to the internet.",
    severity="critical",
    fix="cluster.public_access_cidrs",
    checks={"aws:eks/cluster:Cluster": _api_not_open},
)
