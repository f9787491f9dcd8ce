"""Names, certificates and doors of the engines on the cluster. Pure."""

from plinth import naming, pods
from plinth.spec.vectors import QdrantStore, VectorStore, engines

COMPONENT = "vector-engine"
"""What dashboards and policies call the pods of an engine."""

MOST_REPLICAS = 16
"""Certificates name this many pods, so that another number of replicas needs no new one."""

API_PORTS = {"qdrant": 6333}
"""Port that clients call, by `kind`."""

PEER_PORTS = {"qdrant": (6335,)}
"""Ports that the pods of an engine call each other on, by `kind`."""


def on_cluster(section: VectorStore) -> dict[str, QdrantStore]:
    """The engines that run on the cluster, by the name of their store."""
    return {name: engine for name, engine in engines(section).items() if isinstance(engine, QdrantStore)}


def release(store: str) -> str:
    """Name of the Helm release, and of everything that the chart makes."""
    return f"vectors-{store}"


def host(store: str) -> str:
    """DNS name under which clients call the store."""
    return f"{release(store)}.{naming.SYSTEM_NAMESPACE}.svc.cluster.local"


def peers(store: str, replicas: int) -> list[str]:
    """DNS name of each pod, as the chart writes it."""
    return [f"{release(store)}-{number}.{release(store)}-headless" for number in range(replicas)]


def hosts(store: str) -> list[str]:
    """Every name that the store's certificate is for."""
    each = peers(store, MOST_REPLICAS)
    whole = [f"{name}.{naming.SYSTEM_NAMESPACE}.svc.cluster.local" for name in each]
    return [host(store), release(store), f"{release(store)}-headless", *each, *whole]


def selector(store: str) -> dict[str, str]:
    """Labels that choose the pods of a store."""
    return {"app.kubernetes.io/instance": release(store)}


def pod_labels() -> dict[str, str]:
    """Labels that a chart puts on its pods besides its own: they bring a network policy, as the platform's pods do."""
    return pods.selector(COMPONENT)


def snapshots_app(store: str) -> str:
    """Name of the CronJob that takes snapshots of a store, and of its service account."""
    return f"{release(store)}-snapshots"


def keys_secret(store: str) -> str:
    """Kubernetes Secret with the keys of a store."""
    return f"{release(store)}-keys"


def tls_secret(store: str) -> str:
    """Kubernetes Secret with the certificate of a store."""
    return f"{release(store)}-tls"
