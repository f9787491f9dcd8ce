"""What Prometheus reads of the vector stores on the cluster."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from plinth import naming, pods
from plinth.base import Component
from plinth.data.vectors import cluster_plan as plan
from plinth.data.vectors.qdrant_values import READ_KEY
from plinth.data.vectors.tls import AUTHORITY_FILE
from plinth.kinds import prometheus
from plinth.spec.environment import Environment

METRICS_PORT = "http"
"""Name of the port with the API and the metrics, in Qdrant's chart."""


class VectorMonitors(Component):
    """A PodMonitor for each store, beside its Secrets: over TLS, with the key that may only read.

    The charts' own monitors know no TLS.
    """

    def __init__(
        self,
        name: str,
        stores: Sequence[str],
        *,
        environment: Environment,
        namespace: pulumi.Input[str],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorMonitors", name, {"stores": list(stores)}, environment=environment, opts=opts)
        for store in stores:
            monitor(store).register(
                f"{name}-{store}",
                name=plan.release(store),
                namespace=namespace,
                labels=pods.labels(plan.COMPONENT, plan.release(store)),
                opts=self.options(k8s.apiextensions.CustomResource, depends_on=list(after)),
            )
        self.register_outputs({"stores": list(stores)})


def monitor(store: str) -> prometheus.PodMonitor:
    """What Prometheus reads of one store."""
    trusted = prometheus.SecretField(name=plan.tls_secret(store), key=AUTHORITY_FILE)
    endpoint = prometheus.PodMetricsEndpoint(
        port=METRICS_PORT,
        path="/metrics",
        scheme="https",
        tls_config=prometheus.TlsConfig(ca=prometheus.TrustedFile(secret=trusted), server_name=plan.host(store)),
        authorization=prometheus.Authorization(
            credentials=prometheus.SecretField(name=plan.keys_secret(store), key=READ_KEY)
        ),
    )
    return prometheus.PodMonitor(
        namespace_selector=prometheus.NamespaceSelector(match_names=[naming.SYSTEM_NAMESPACE]),
        selector=prometheus.LabelSelector(match_labels=plan.selector(store)),
        pod_metrics_endpoints=[endpoint],
    )
