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
    # The node exporter reads the host's /proc and /sys and shares its network.
    Namespace(naming.MONITORING_NAMESPACE, "privileged"),
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
    everyone = meta.v1.LabelSelectorArgs()
    deny = networking.v1.NetworkPolicySpecArgs(pod_selector=everyone, policy_types=["Ingress", "Egress"])
    dns = networking.v1.NetworkPolicySpecArgs(pod_selector=everyone, policy_types=["Egress"], egress=[pods.allow_dns()])
    webhooks = networking.v1.NetworkPolicyIngressRuleArgs(
        from_=[networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=vpc_cidr))],
        ports=pods.ports(*WEBHOOK_PORTS),
    )
    inside = networking.v1.NetworkPolicyPeerArgs(pod_selector=everyone)
    if namespace == naming.MONITORING_NAMESPACE:
        controllers = pods.peer(naming.SYSTEM_NAMESPACE)
        return {
            "default-deny": networking.v1.NetworkPolicySpecArgs(pod_selector=everyone, policy_types=["Ingress"]),
            "monitoring": networking.v1.NetworkPolicySpecArgs(
                pod_selector=everyone,
                policy_types=["Ingress"],
                ingress=[
                    networking.v1.NetworkPolicyIngressRuleArgs(from_=[inside]),
                    pods.allow_from([controllers], PROMETHEUS_PORT),
                    webhooks,
                ],
            ),
        }
    if namespace == naming.SYSTEM_NAMESPACE:
        return {
            "default-deny": deny,
            "allow-dns": dns,
            "controllers": networking.v1.NetworkPolicySpecArgs(
                pod_selector=_controllers(),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    webhooks,
                    networking.v1.NetworkPolicyIngressRuleArgs(
                        from_=[
                            networking.v1.NetworkPolicyPeerArgs(pod_selector=_controllers()),
                            pods.peer(naming.MONITORING_NAMESPACE),
                        ]
                    ),
                ],
                egress=[
                    pods.allow_addresses("0.0.0.0/0", 443),
                    pods.allow_pod_identity(),
                    pods.allow_to([pods.peer(naming.MONITORING_NAMESPACE)], PROMETHEUS_PORT),
                    networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[networking.v1.NetworkPolicyPeerArgs(pod_selector=_controllers())]
                    ),
                ],
            ),
        }
    return {"default-deny": deny, "allow-dns": dns}


def _controllers() -> meta.v1.LabelSelectorArgs:
    """Pods that are not the platform's own: those of charts."""
    return meta.v1.LabelSelectorArgs(
        match_expressions=[
            meta.v1.LabelSelectorRequirementArgs(
                key="app.kubernetes.io/part-of", operator="NotIn", values=[pods.PART_OF]
            )
        ]
    )
