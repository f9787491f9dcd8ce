"""The walls of the platform's own namespaces: everything is closed, and opened by the table of flows. Pure.

Network policies add up: each workload brings the policy that opens what it needs (`plinth.pods`). Here is what
holds for a namespace as a whole, and for the pods of charts, which bring none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_kubernetes import meta, networking

from plinth import naming, pods
from plinth.cluster.flows import End, Flow, Pods


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the platform."""

    name: str
    security: str
    """Pod Security level that is enforced: restricted, baseline or privileged."""


NAMESPACES = (
    Namespace(naming.SYSTEM_NAMESPACE, "restricted"),
    Namespace(naming.SERVING_NAMESPACE, "restricted"),
    Namespace(naming.MONITORING_NAMESPACE, "restricted"),
    # The exception: agents that read the node's /proc, /sys and devices, such as the node exporter's.
    Namespace(naming.NODES_NAMESPACE, "privileged"),
)


def security_labels(level: str) -> dict[str, str]:
    """Pod Security labels: `level` is enforced, and what falls short of `restricted` is warned about and audited."""
    return {
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
    }


def policies(namespace: str, flows: Sequence[Flow]) -> dict[str, networking.v1.NetworkPolicySpecArgs]:
    """The network policies of a platform namespace, by name: nothing, and then what the flows open."""
    both = ["Ingress", "Egress"]
    found = {
        "default-deny": networking.v1.NetworkPolicySpecArgs(pod_selector=meta.v1.LabelSelectorArgs(), policy_types=both)
    }
    for end in _walled(namespace, flows):
        ingress = [flow for flow in flows if flow.destination == end]
        egress = [flow for flow in flows if flow.source == end]
        found[str(end.wall)] = networking.v1.NetworkPolicySpecArgs(
            pod_selector=_selector(end),
            policy_types=["Ingress"] * bool(ingress) + ["Egress"] * bool(egress),
            ingress=[
                networking.v1.NetworkPolicyIngressRuleArgs(from_=[_peer(flow.source)], ports=_ports(flow))
                for flow in ingress
            ]
            or None,
            egress=[
                networking.v1.NetworkPolicyEgressRuleArgs(to=[_peer(flow.destination)], ports=_ports(flow))
                for flow in egress
            ]
            or None,
        )
    return found


def _walled(namespace: str, flows: Sequence[Flow]) -> list[Pods]:
    ends = [end for flow in flows for end in (flow.source, flow.destination)]
    return [*dict.fromkeys(end for end in ends if isinstance(end, Pods) and end.wall and end.namespace == namespace)]


def _selector(end: Pods) -> meta.v1.LabelSelectorArgs:
    if end.charts:
        not_ours = meta.v1.LabelSelectorRequirementArgs(
            key="app.kubernetes.io/part-of", operator="NotIn", values=[pods.PART_OF]
        )
        return meta.v1.LabelSelectorArgs(match_expressions=[not_ours])
    return meta.v1.LabelSelectorArgs(match_labels=dict(end.labels) or None)


def _peer(end: End) -> networking.v1.NetworkPolicyPeerArgs:
    if not isinstance(end, Pods):
        return networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=end.cidr))
    # Controllers talk to tenants only about their jobs; the gateway brings its own policy.
    space = {"kubernetes.io/metadata.name": end.namespace} if end.namespace else {naming.QUEUE_LABEL: "true"}
    return networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels=space),
        pod_selector=_selector(end) if end.labels or end.charts else None,
    )


def _ports(flow: Flow) -> list[networking.v1.NetworkPolicyPortArgs] | None:
    return pods.ports(*flow.ports, protocol=flow.protocol) if flow.ports else None
