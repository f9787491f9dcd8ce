"""Who reaches vector stores, and how. Pure; `plinth.cluster.flows` has the same as rows."""

from pulumi_kubernetes import meta, networking

from plinth import naming, pods
from plinth.data.vectors import cluster_plan, plan
from plinth.spec import PlatformSpec

HTTPS = 443

SECRETS_DIR = "/etc/plinth/stores"
"""Folder of a pod with the keys and certificate authority of each store, in a folder named like the store."""

SNAPSHOTS = "vector-snapshots"
"""Component label of the CronJobs that take snapshots."""


def aws_cidr(spec: PlatformSpec) -> str:
    """Addresses of AWS services that engines are: the VPC's, unless it was there already and may lack endpoints."""
    return "0.0.0.0/0" if spec.network.existing else spec.network.node_cidr


def job_egress(spec: PlatformSpec) -> list[networking.v1.NetworkPolicyEgressRuleArgs]:
    """What the Job that makes collections may reach."""
    rules = [pods.allow_dns()]
    if any(engine.kind in plan.IN_AWS for engine in plan.beside_postgres(spec.vector).values()):
        rules += [pods.allow_pod_identity(), pods.allow_addresses(aws_cidr(spec), HTTPS)]
    if plan.outside(spec.vector):
        rules.append(pods.allow_addresses("0.0.0.0/0", HTTPS))
    for store, engine in cluster_plan.on_cluster(spec.vector).items():
        there = pods.peer(naming.SYSTEM_NAMESPACE, cluster_plan.selector(store))
        rules.append(pods.allow_to([there], cluster_plan.API_PORTS[engine.kind]))
    return rules


def engine_wall(store: str, kind: str) -> networking.v1.NetworkPolicySpecArgs:
    """An engine's pods answer the platform's Jobs, Prometheus and each other, and call nobody else."""
    own = pods.peer(naming.SYSTEM_NAMESPACE, cluster_plan.selector(store))
    clients = [
        pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(plan.COMPONENT)),
        pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(SNAPSHOTS)),
        pods.peer(naming.MONITORING_NAMESPACE),
    ]
    port, peer_ports = cluster_plan.API_PORTS[kind], cluster_plan.PEER_PORTS[kind]
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=cluster_plan.selector(store)),
        policy_types=["Ingress", "Egress"],
        ingress=[pods.allow_from(clients, port), pods.allow_from([own], *peer_ports)],
        egress=[pods.allow_dns(), pods.allow_to([own], *peer_ports)],
    )


def snapshots_wall(store: str, kind: str) -> networking.v1.NetworkPolicySpecArgs:
    """The CronJob reads its store and writes to S3; nothing reaches it."""
    engine = pods.peer(naming.SYSTEM_NAMESPACE, cluster_plan.selector(store))
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=meta.v1.LabelSelectorArgs(
            match_labels=pods.selector(SNAPSHOTS, cluster_plan.snapshots_app(store))
        ),
        policy_types=["Ingress", "Egress"],
        egress=[
            pods.allow_dns(),
            pods.allow_to([engine], cluster_plan.API_PORTS[kind]),
            pods.allow_pod_identity(),
            # The gateway endpoint of S3 has public addresses.
            pods.allow_addresses("0.0.0.0/0", HTTPS),
        ],
    )
