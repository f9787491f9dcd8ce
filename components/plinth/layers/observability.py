"""Metrics, alerts and the dashboard."""

from plinth import addresses, naming
from plinth.gateway.gateway import API, METRICS
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.observability.monitoring import Monitoring
from plinth.spec import PlatformSpec


def observability(spec: PlatformSpec, below: Foundation, on: ClusterLayer) -> Monitoring:
    """Metrics, alerts and the dashboard."""
    return Monitoring(
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
