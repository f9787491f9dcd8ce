"""Alert rules of the vector stores on the cluster. Pure.

Metric names are those of kube-state-metrics and the kubelet, and Qdrant's own (documentation, "Monitoring").
"""

from collections.abc import Iterator

from plinth import naming
from plinth.data.vectors import cluster_plan as plan
from plinth.observability.alert import Alert
from plinth.spec import PlatformSpec

FULL = 0.85
"""Share of a disk from which on somebody should look."""


def vector_alerts(spec: PlatformSpec) -> Iterator[Alert]:
    """Alerts of every store on the cluster."""
    for store, engine in plan.on_cluster(spec.vector).items():
        release, space = plan.release(store), f'namespace="{naming.SYSTEM_NAMESPACE}"'
        ready = f'kube_statefulset_status_replicas_ready{{{space},statefulset="{release}"}}'
        # As many pods as there are copies may be gone before the last copy of something is.
        yield Alert(
            f"VectorStoreDown{_camel(store)}",
            f"{ready} < {max(1, engine.replicas - engine.copies + 1)}",
            5,
            "critical",
            f"Of the vector store {store} {{{{ $value }}}} of {engine.replicas} pods are ready: records may be missing",
            f"Look at the pods of the StatefulSet {release} in {naming.SYSTEM_NAMESPACE}, and at their disks.",
        )
        yield Alert(
            f"VectorStoreDegraded{_camel(store)}",
            f"{ready} < {engine.replicas}",
            15,
            "warning",
            f"Of the vector store {store} {{{{ $value }}}} of {engine.replicas} pods are ready",
            f"Describe the pods of the StatefulSet {release} in {naming.SYSTEM_NAMESPACE}.",
        )
        disks = f'{space},persistentvolumeclaim=~".*-{release}-[0-9]+"'
        yield Alert(
            f"VectorStoreDiskFull{_camel(store)}",
            f"1 - kubelet_volume_stats_available_bytes{{{disks}}} / kubelet_volume_stats_capacity_bytes{{{disks}}}"
            f" > {FULL:g}",
            15,
            "warning",
            f"Disk {{{{ $labels.persistentvolumeclaim }}}} of {store} is {{{{ $value | humanizePercentage }}}} full",
            "Raise disk_gib of the store and enlarge the claims: the storage class lets them grow.",
        )
        job = f'{space},cronjob="{plan.snapshots_app(store)}"'
        yield Alert(
            f"VectorSnapshotsMissing{_camel(store)}",
            f"time() - kube_cronjob_status_last_successful_time{{{job}}} > {2 * 24 * 3600}",
            60,
            "warning",
            f"The last snapshot of the vector store {store} is {{{{ $value | humanizeDuration }}}} old",
            f"Read the log of the last Job of the CronJob {plan.snapshots_app(store)}.",
        )


def _camel(store: str) -> str:
    return "".join(part.capitalize() for part in store.split("-"))
