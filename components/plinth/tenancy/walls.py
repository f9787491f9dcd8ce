"""Who a tenant's pods may talk to."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import meta, networking

from plinth import addresses, naming, pods
from plinth.base import Component
from plinth.cluster import flows
from plinth.spec.tenants import Tenant
from plinth.tenancy import plan

EVERYTHING = meta.v1.LabelSelectorArgs()


def wall(
    component: Component,
    name: str,
    tenant: Tenant,
    namespace: pulumi.Input[str],
    *,
    gateway_port: int,
    ray_heads: bool = False,
    aws: bool = False,
    stores: Sequence[tuple[str, int]] = (),
) -> None:
    """Nothing gets in or out, except to the cluster's DNS, to the gateway and within the namespace.

    With `aws`, pods that say so by a label reach AWS, the agent that gives them their credentials, and `stores`:
    networks and ports of databases. With `ray_heads`, KubeRay asks the heads of Ray clusters how their jobs are doing.
    """
    neighbors = networking.v1.NetworkPolicyPeerArgs(pod_selector=EVERYTHING)
    gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(addresses.GATEWAY))
    specs = {
        "deny": (
            "default-deny",
            networking.v1.NetworkPolicySpecArgs(pod_selector=EVERYTHING, policy_types=["Ingress", "Egress"]),
        ),
        "allow": (
            "platform-services",
            networking.v1.NetworkPolicySpecArgs(
                pod_selector=EVERYTHING,
                policy_types=["Ingress", "Egress"],
                ingress=[networking.v1.NetworkPolicyIngressRuleArgs(from_=[neighbors])],
                egress=[
                    pods.allow_dns(),
                    pods.allow_to([gateway], gateway_port),
                    networking.v1.NetworkPolicyEgressRuleArgs(to=[neighbors]),
                ],
            ),
        ),
    }
    if ray_heads:
        specs["ray"] = ("ray-heads", from_ray_operator())
    if aws:
        specs["aws"] = ("aws", to_aws({plan.AWS_LABEL: "true"}, stores))
    for suffix, (label, spec) in specs.items():
        networking.v1.NetworkPolicy(
            f"{name}-{suffix}",
            metadata=meta.v1.ObjectMetaArgs(name=label, namespace=namespace, labels=plan.labels(tenant)),
            spec=spec,
            opts=component.options(networking.v1.NetworkPolicy),
        )


def to_aws(matching: dict[str, str], stores: Sequence[tuple[str, int]] = ()) -> networking.v1.NetworkPolicySpecArgs:
    """Pods with these labels reach AWS over TLS, the agent of EKS Pod Identity on their node, and these stores."""
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=matching),
        policy_types=["Egress"],
        egress=[
            pods.allow_addresses("0.0.0.0/0", 443),
            pods.allow_pod_identity(),
            *(pods.allow_addresses(*store) for store in stores),
        ],
    )


def from_ray_operator() -> networking.v1.NetworkPolicySpecArgs:
    """Controllers reach the dashboards of Ray clusters' heads."""
    heads = dict(flows.RAY_HEADS.labels)
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=heads),
        policy_types=["Ingress"],
        ingress=[pods.allow_from([pods.peer(naming.SYSTEM_NAMESPACE)], flows.RAY_DASHBOARD_PORT)],
    )
