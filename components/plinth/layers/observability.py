"""Metrics, alerts and the dashboard."""

import pulumi

from plinth import addresses, naming
from plinth.data.vectors import cluster_plan
from plinth.data.vectors.search_alarms import OpenSearchAlarms
from plinth.gateway.gateway import API, METRICS
from plinth.layers.cluster import ClusterLayer
from plinth.layers.data import Data
from plinth.layers.foundation import Foundation
from plinth.observability import store_alarms
from plinth.observability.monitoring import Monitoring
from plinth.observability.store_watch import StoreWatch
from plinth.observability.vector_monitors import VectorMonitors
from plinth.spec import PlatformSpec
from plinth.spec.vectors import OpenSearchStore, engines


def observability(spec: PlatformSpec, below: Foundation, on: ClusterLayer) -> Monitoring:
    """Metrics, alerts and the dashboard."""
    monitoring = Monitoring(
        "monitoring",
        spec.monitoring,
        environment=spec.environment,
        spec=spec,
        gateway_metrics_port=METRICS if addresses.gateway_metrics_port(spec) else API,
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.MONITORING_NAMESPACE],
        nodes_namespace=on.base.namespaces[naming.NODES_NAMESPACE],
        storage_class=on.base.storage_class_name,
        bridge=on.bridge,
        crds=on.crds.of("prometheus"),
        data_key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        opts=on.for_workloads(),
    )
    domains = {name: engine for name, engine in engines(spec.vector).items() if isinstance(engine, OpenSearchStore)}
    if domains:
        OpenSearchAlarms(
            "vector-alarms",
            domains,
            environment=spec.environment,
            topic_arn=monitoring.topic_arn,
            opts=on.given.options(),
        )
    stores = list(cluster_plan.on_cluster(spec.vector))
    if stores:
        VectorMonitors(
            "vector-monitors",
            stores,
            environment=spec.environment,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            after=[monitoring.release],
            opts=on.given.options(),
        )
    return monitoring


def store_watch(spec: PlatformSpec, on: ClusterLayer, stores: Data, told: Monitoring) -> StoreWatch | None:
    """Alarms of the stores that AWS runs. None on a laptop, where it runs none."""
    if spec.laptop:
        return None
    dimensions: dict[str, dict[str, pulumi.Input[str]]] = {
        "postgres": {"DBClusterIdentifier": stores.postgres.cluster_id},
        **{
            # ElastiCache numbers the nodes of a replication group.
            f"cache-{number}": {
                "CacheClusterId": pulumi.Output.concat(stores.cache.replication_group_id, f"-{number:03}")
            }
            for number in range(1, spec.cache.replicas + 2)
        },
    }
    if stores.graph:
        dimensions["graph"] = {"DBClusterIdentifier": stores.graph.cluster_id}
    if stores.streams:
        dimensions |= {label: {"QueueName": name} for label, name in stores.streams.queue_names.items()}
    return StoreWatch(
        "store-watch",
        store_alarms.alarms(spec, follows_within_minutes=stores.postgres.follows_within_minutes),
        environment=spec.environment,
        topic_arn=told.topic_arn,
        dimensions=dimensions,
        opts=on.given.options(),
    )
