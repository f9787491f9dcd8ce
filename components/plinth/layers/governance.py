"""What governs data: contracts, erasure, retention."""

from plinth import naming
from plinth.governance.governor import Governor
from plinth.layers.cluster import ClusterLayer
from plinth.layers.data import Data
from plinth.layers.foundation import Foundation
from plinth.spec import PlatformSpec


def governance(spec: PlatformSpec, below: Foundation, on: ClusterLayer, data: Data) -> Governor | None:
    """The governor, where there is data that it governs."""
    section = spec.governance
    if section is None or not section.governs:
        return None
    return Governor(
        "governor",
        section,
        environment=spec.environment,
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        priority_class=on.base.priority_classes[naming.SYSTEM_PRIORITY],
        postgres=data.postgres,
        storage=below.storage,
        bridge=on.bridge,
        data_key_arn=below.keys.arn["data"],
        runtime_image=spec.gateway.image,
        databases_cidr=spec.network.node_cidr,
        scraped_from=naming.MONITORING_NAMESPACE,
        vector_database=_vector_database(spec),
        opts=on.for_workloads(),
    )


def _vector_database(spec: PlatformSpec) -> str | None:
    """Database of the vectors, where these are in the platform's PostgreSQL."""
    if str(spec.vector.kind) != "pgvector":
        return None
    database = getattr(spec.vector, "database", None)
    return database if isinstance(database, str) else None
