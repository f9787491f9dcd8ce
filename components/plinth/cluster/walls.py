"""Who may talk to whom in the platform's own namespaces, before any workload adds a door of its own.

Network policies add up: each workload brings the policy that opens what it needs (`plinth.pods`). Here is what
holds for a namespace as a whole, and for the controllers, whose charts bring none.
"""

from dataclasses import dataclass

from pulumi_kubernetes import meta, networking

from plinth import naming, pods

WEBHOOK_PORTS = (6443, 9443, 10250)
"""Ports on which controllers answer the API server: KEDA's metrics and webhook, the other webhooks."""

PROMETHEUS_PORT = 9090


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


def policies(namespace: str, vpc_cidr: str) -> dict[str, networking.v1.NetworkPolicySpecArgs]:
    """The network policies of a platform namespace, by name.

    Everything is closed, except names (DNS). Monitoring may go out anywhere, because it scrapes everything. The
    API server calls webhooks from addresses of the VPC that belong to no pod, so those ports are open to the VPC.
    """
    if namespace == naming.MONITORING_NAMESPACE:
        return {"default-deny": _deny("Ingress"), "monitoring": _monitoring(vpc_cidr)}
    closed = {"default-deny": _deny("Ingress", "Egress"), "allow-dns": _dns()}
    if namespace == naming.SYSTEM_NAMESPACE:
        return {**closed, "controllers": _system(vpc_cidr)}
    return closed


EVERYONE = meta.v1.LabelSelectorArgs()


def _deny(*directions: str) -> networking.v1.NetworkPolicySpecArgs:
    return networking.v1.NetworkPolicySpecArgs(pod_selector=EVERYONE, policy_types=list(directions))


def _dns() -> networking.v1.NetworkPolicySpecArgs:
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=EVERYONE, policy_types=["Egress"], egress=[pods.allow_dns()]
    )


def _webhooks(vpc_cidr: str) -> networking.v1.NetworkPolicyIngressRuleArgs:
    return networking.v1.NetworkPolicyIngressRuleArgs(
        from_=[networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=vpc_cidr))],
        ports=pods.ports(*WEBHOOK_PORTS),
    )


def _monitoring(vpc_cidr: str) -> networking.v1.NetworkPolicySpecArgs:
    inside = networking.v1.NetworkPolicyPeerArgs(pod_selector=EVERYONE)
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=EVERYONE,
        policy_types=["Ingress"],
        ingress=[
            networking.v1.NetworkPolicyIngressRuleArgs(from_=[inside]),
            # KEDA asks for the metrics that it scales by.
            pods.allow_from([pods.peer(naming.SYSTEM_NAMESPACE)], PROMETHEUS_PORT),
            _webhooks(vpc_cidr),
        ],
    )


def _system(vpc_cidr: str) -> networking.v1.NetworkPolicySpecArgs:
    """Controllers reach AWS and the API server, and each other; the platform's own pods open their own doors."""
    each_other = networking.v1.NetworkPolicyPeerArgs(pod_selector=_controllers())
    monitoring = pods.peer(naming.MONITORING_NAMESPACE)
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=_controllers(),
        policy_types=["Ingress", "Egress"],
        ingress=[_webhooks(vpc_cidr), networking.v1.NetworkPolicyIngressRuleArgs(from_=[each_other, monitoring])],
        egress=[
            pods.allow_addresses("0.0.0.0/0", 443),
            pods.allow_pod_identity(),
            pods.allow_to([monitoring], PROMETHEUS_PORT),
            networking.v1.NetworkPolicyEgressRuleArgs(to=[each_other]),
        ],
    )


def _controllers() -> meta.v1.LabelSelectorArgs:
    """Pods that are not the platform's own: those of charts."""
    return meta.v1.LabelSelectorArgs(
        match_expressions=[
            meta.v1.LabelSelectorRequirementArgs(
                key="app.kubernetes.io/part-of", operator="NotIn", values=[pods.PART_OF]
            )
        ]
    )
