"""Who talks to whom in the platform's own namespaces: one table. Pure.

What is not in it is refused. `plinth.cluster.walls` derives from it what holds for a namespace as a whole and for
the pods of charts; a component that brings pods of its own brings their policy along. A test holds every policy of
these namespaces against the table, both ways: add a row for each new door.

Tenants' namespaces are closed by `plinth.tenancy`, kube-system is not closed at all: EKS owns it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from plinth import addresses, naming, pods
from plinth.cluster import device_layer
from plinth.data.vectors import cluster_plan
from plinth.data.vectors import plan as vector_plan
from plinth.data.vectors import walls as vector_walls
from plinth.gateway import hosted
from plinth.governance import plan as governor
from plinth.serving import mirror, revisions
from plinth.serving.engines import kserve, ray
from plinth.spec import PlatformSpec
from plinth.spec.models import DevelopmentModel, SelfHostedModel

WEBHOOK_PORTS = (6443, 9443, 10250)
"""Ports on which controllers answer the API server: KEDA's metrics and webhook, the other webhooks."""

QUEUE_VIEW_PORT = 8082
"""Port on which Kueue answers the API server what waits in queues."""

RAY_DASHBOARD_PORT = 8265
"""Port on which the head of a Ray cluster tells KubeRay how its job is doing."""

PROMETHEUS_PORT = 9090
NODE_PORTS = (9100, 10250)
"""Ports of the node exporter and of the kubelet, on the node's own address."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods at one end of a flow."""

    what: str
    """What they are, in words."""

    namespace: str | None
    """Their namespace. None: every tenant's."""

    labels: tuple[tuple[str, str], ...] = ()
    """Labels that choose them; none choose every pod."""

    charts: bool = False
    """Whether only pods that charts bring are meant, not the platform's own."""

    wall: str | None = None
    """Name of the policy that is derived for them. None: the component that brings them brings it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses at one end of a flow that belong to no pod that a policy could choose."""

    what: str
    """What they are, in words."""

    cidr: str
    """IPv4 network."""


End = Pods | Addresses


@dataclass(frozen=True, slots=True)
class Flow:
    """One opens connections to the other."""

    source: End
    destination: End
    ports: tuple[int, ...]
    """Ports of the destination. Empty: every port."""

    reason: str
    protocol: Literal["TCP", "UDP"] = "TCP"


def every_pod(namespace: str) -> Pods:
    """All pods of a namespace."""
    return Pods("every pod", namespace, wall="allow-dns")


CONTROLLERS = Pods("controllers", naming.SYSTEM_NAMESPACE, charts=True, wall="controllers")
GATEWAY = Pods("gateway", naming.SYSTEM_NAMESPACE, tuple(pods.selector(addresses.GATEWAY).items()))
COLLECTIONS_JOB = Pods(
    "vector collections job", naming.SYSTEM_NAMESPACE, tuple(pods.selector(vector_plan.COMPONENT).items())
)
SNAPSHOTS_JOB = Pods(
    "vector snapshots job", naming.SYSTEM_NAMESPACE, tuple(pods.selector(vector_walls.SNAPSHOTS).items())
)
SCHEMA_JOB = Pods("vector schema job", naming.SYSTEM_NAMESPACE, tuple(pods.selector("vector-store").items()))
WAREHOUSE_KEYS = Pods(
    "rotation of Snowflake's keys",
    naming.SYSTEM_NAMESPACE,
    tuple(pods.selector("warehouse-keys").items()),
    wall="warehouse-keys",
)
MIRROR = Pods("weights mirror", naming.SYSTEM_NAMESPACE, tuple(pods.selector(mirror.COMPONENT).items()))
LOGINS_JOB = Pods("databases job", naming.SYSTEM_NAMESPACE, tuple(pods.selector("databases").items()))
MODELS = Pods("model servers", naming.SERVING_NAMESPACE)
KUBERAY = Pods("KubeRay", naming.SYSTEM_NAMESPACE, (("app.kubernetes.io/name", ray.OPERATOR),))
MONITORING = Pods("monitoring", naming.MONITORING_NAMESPACE, wall="monitoring")
AGENTS = Pods("agents on nodes", naming.NODES_NAMESPACE, wall="agents")
TENANTS = Pods("tenants", None)
WAREHOUSE_CLIENTS = Pods("tenants' pods that use Snowflake", None, ((naming.WAREHOUSE_LABEL, "true"),))
RAY_HEADS = Pods("heads of tenants' Ray clusters", None, (("ray.io/node-type", "head"),))
DNS = Pods("CoreDNS", "kube-system", (("k8s-app", "kube-dns"),))

GOVERNOR = Pods("governor", naming.SYSTEM_NAMESPACE, tuple(pods.selector(governor.APP).items()))
WATCH = Pods(
    "pod that measures tables", naming.SYSTEM_NAMESPACE, tuple(pods.selector(governor.APP, governor.APP).items())
)

INTERNET = Addresses("AWS, the Kubernetes API, the internet", "0.0.0.0/0")
POD_IDENTITY = Addresses("Pod Identity agent of the node", "169.254.170.23/32")

NAMESPACES = (
    naming.SYSTEM_NAMESPACE,
    naming.SERVING_NAMESPACE,
    naming.MONITORING_NAMESPACE,
    naming.NODES_NAMESPACE,
)


def flows(spec: PlatformSpec) -> tuple[Flow, ...]:
    """Every flow of an environment."""
    return (
        *_names(),
        *_controllers(spec),
        *_gateway(spec),
        *_models(spec),
        *_vectors(spec),
        *_warehouse(spec),
        *_governance(spec),
        *_monitoring(spec),
        *_devices(spec),
    )


def _names() -> Iterator[Flow]:
    for namespace in NAMESPACES:
        yield Flow(every_pod(namespace), DNS, (53,), "resolve names", "UDP")
        yield Flow(every_pod(namespace), DNS, (53,), "resolve names, long answers")


def _controllers(spec: PlatformSpec) -> Iterator[Flow]:
    yield Flow(_vpc(spec), CONTROLLERS, WEBHOOK_PORTS, "the API server calls webhooks and KEDA's metrics")
    yield Flow(CONTROLLERS, CONTROLLERS, (), "controllers and their own webhooks")
    yield Flow(CONTROLLERS, INTERNET, (443,), "the Kubernetes API, AWS, registries")
    yield Flow(CONTROLLERS, POD_IDENTITY, (80,), "credentials for AWS")
    yield Flow(CONTROLLERS, MONITORING, (PROMETHEUS_PORT,), "KEDA asks for the metrics that it scales by")
    if spec.batch:
        yield Flow(_vpc(spec), CONTROLLERS, (QUEUE_VIEW_PORT,), "the API server asks Kueue what waits in queues")
    if spec.batch and "ray" in spec.batch.frameworks and any(tenant.batch for tenant in spec.tenants):
        yield Flow(CONTROLLERS, RAY_HEADS, (RAY_DASHBOARD_PORT,), "KubeRay asks how a job is doing")


def _gateway(spec: PlatformSpec) -> Iterator[Flow]:
    if spec.tenants:
        yield Flow(TENANTS, GATEWAY, (addresses.gateway_port(spec),), "call models")
    if spec.gateway.entry:
        yield Flow(_vpc(spec, "load balancer"), GATEWAY, (addresses.gateway_port(spec),), "clients outside the cluster")
    if ports := _model_ports(spec):
        yield Flow(GATEWAY, MODELS, ports, "pass on requests")
    for cidr in hosted.ways_out(spec):
        where = INTERNET if cidr == hosted.EVERYWHERE else _vpc(spec, "endpoints of AWS services")
        yield Flow(GATEWAY, where, (443,), "call hosted models and GPUs elsewhere")
    if hosted.uses_identity(hosted.models_of(spec)):
        yield Flow(GATEWAY, POD_IDENTITY, (80,), "credentials for Bedrock and SageMaker")


def _models(spec: PlatformSpec) -> Iterator[Flow]:
    if any(isinstance(model, SelfHostedModel) for model in spec.models):
        yield Flow(MODELS, INTERNET, (443,), "load weights from S3")
        yield Flow(MODELS, POD_IDENTITY, (80,), "credentials for S3")
    if mirror.mirrored(revisions.self_hosted(spec.models)):
        yield Flow(MIRROR, INTERNET, (443,), "copy public weights from Hugging Face to S3")
        yield Flow(MIRROR, POD_IDENTITY, (80,), "credentials for S3")
    engines = {model.engine.kind for model in spec.models if isinstance(model, SelfHostedModel)}
    if "kserve" in engines:
        yield Flow(
            MODELS, MODELS, (kserve.KServe.port,), "llm-d's router asks how busy model servers are, and calls them"
        )
    if "ray" in engines:
        yield Flow(MODELS, MODELS, (), "nodes of a Ray cluster among themselves")
        yield Flow(KUBERAY, MODELS, ray.OPERATOR_PORTS, "KubeRay configures Ray Serve")


def _vectors(spec: PlatformSpec) -> Iterator[Flow]:
    if spec.postgres.databases:
        yield Flow(
            LOGINS_JOB, _vpc(spec, "databases"), (addresses.POSTGRES_PORT,), "make tenants' databases and logins"
        )
    if vector_plan.in_postgres(spec.vector):
        yield Flow(SCHEMA_JOB, _vpc(spec, "databases"), (addresses.POSTGRES_PORT,), "keep collections in shape")
    if any(engine.kind in vector_plan.IN_AWS for engine in vector_plan.beside_postgres(spec.vector).values()):
        where = INTERNET if spec.network.existing else _vpc(spec, "vector stores of AWS")
        yield Flow(COLLECTIONS_JOB, where, (443,), "make collections")
        yield Flow(COLLECTIONS_JOB, POD_IDENTITY, (80,), "credentials for vector stores of AWS")
    if vector_plan.outside(spec.vector):
        yield Flow(COLLECTIONS_JOB, INTERNET, (443,), "make indexes at Pinecone")
    yield from _vector_engines(spec)


def _vector_engines(spec: PlatformSpec) -> Iterator[Flow]:
    """Engines on the cluster."""
    for store, engine in cluster_plan.on_cluster(spec.vector).items():
        port, labels = cluster_plan.API_PORTS[engine.kind], tuple(cluster_plan.selector(store).items())
        pods_of_store = Pods(f"vector store {store}", naming.SYSTEM_NAMESPACE, labels)
        yield Flow(COLLECTIONS_JOB, pods_of_store, (port,), "make collections")
        yield Flow(MONITORING, pods_of_store, (port,), "scrape the vector store")
        yield Flow(pods_of_store, pods_of_store, cluster_plan.PEER_PORTS[engine.kind], "replicas among themselves")
        yield Flow(SNAPSHOTS_JOB, pods_of_store, (port,), "take snapshots")
        yield Flow(SNAPSHOTS_JOB, INTERNET, (443,), "write snapshots to S3")
        yield Flow(SNAPSHOTS_JOB, POD_IDENTITY, (80,), "credentials for S3")


def _warehouse(spec: PlatformSpec) -> Iterator[Flow]:
    if spec.snowflake and spec.snowflake.users:
        yield Flow(
            WAREHOUSE_KEYS, INTERNET, (443,), "Snowflake, where public keys go; Secrets Manager, where private ones go"
        )
        if any(user.tenant for user in spec.snowflake.users):
            link = spec.snowflake.network.private_link
            where = _vpc(spec, "PrivateLink to Snowflake") if link else INTERNET
            yield Flow(WAREHOUSE_CLIENTS, where, (443,), "queries, and results from Snowflake's stages")
        if spec.snowflake.network.private_link:
            endpoint = _vpc(spec, "PrivateLink to Snowflake")
            yield Flow(WAREHOUSE_KEYS, endpoint, (80,), "whether Snowflake's certificate was revoked (OCSP)")
        yield Flow(WAREHOUSE_KEYS, POD_IDENTITY, (80,), "credentials for Snowflake and Secrets Manager")


def _governance(spec: PlatformSpec) -> Iterator[Flow]:
    section = spec.governance
    if section is None or not section.governs:
        return
    yield Flow(GOVERNOR, INTERNET, (443,), "erase in S3, sign receipts with KMS, send lineage")
    yield Flow(GOVERNOR, POD_IDENTITY, (80,), "credentials for S3 and KMS")
    if section.in_postgres:
        yield Flow(GOVERNOR, _vpc(spec, "databases"), (addresses.POSTGRES_PORT,), "measure, erase and expire rows")
    if any(table.measured for table in section.tables):
        yield Flow(MONITORING, WATCH, (governor.METRICS_PORT,), "scrape what was measured of tables")


def _monitoring(spec: PlatformSpec) -> Iterator[Flow]:
    yield Flow(MONITORING, MONITORING, (), "Prometheus, Alertmanager and Grafana among themselves")
    yield Flow(_vpc(spec), MONITORING, WEBHOOK_PORTS, "the API server calls the operator's webhook")
    yield Flow(MONITORING, INTERNET, (443,), "the Kubernetes API; alerts to SNS")
    yield Flow(MONITORING, POD_IDENTITY, (80,), "credentials for SNS")
    yield Flow(MONITORING, _vpc(spec, "nodes"), NODE_PORTS, "scrape kubelets and node exporters")
    yield Flow(MONITORING, DNS, (9153,), "scrape CoreDNS")
    yield Flow(MONITORING, CONTROLLERS, (), "scrape controllers")
    yield Flow(MONITORING, AGENTS, (), "scrape agents on nodes")
    metrics = addresses.gateway_metrics_port(spec) or addresses.gateway_port(spec)
    yield Flow(MONITORING, GATEWAY, (metrics,), "scrape the gateway")
    if _model_ports(spec):
        yield Flow(MONITORING, MODELS, (), "scrape model servers")


def _devices(spec: PlatformSpec) -> Iterator[Flow]:
    """What serves the devices of GPU nodes; the EFA plugin shares the node's network, where no policy reaches."""
    labels = {release.label for release in device_layer.releases(spec.gpu_pools)}
    if labels & {"plugin", "dra", "neuron"}:
        yield Flow(AGENTS, INTERNET, (443,), "device plugins read and tell the Kubernetes API how a node shares")
    if "metrics" in labels:
        engine = (device_layer.HOST_ENGINE_PORT,)
        yield Flow(AGENTS, _vpc(spec, "nodes"), engine, "the exporter of GPU metrics asks its node's DCGM host engine")


def _model_ports(spec: PlatformSpec) -> tuple[int, ...]:
    """Ports that model servers of the platform are called on."""
    served = [model for model in spec.models if isinstance(model, SelfHostedModel | DevelopmentModel)]
    return tuple(sorted({urlsplit(addresses.model_url(spec, model)).port or 80 for model in served}))


def _vpc(spec: PlatformSpec, what: str = "the API server") -> Addresses:
    return Addresses(what, spec.network.node_cidr)
