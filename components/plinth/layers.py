"""The program: six layers, each a plain function from what it stands on to what it gives.

They are the seams along which a company splits the stack once owners or cadence differ (`pulumi state move`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from plinth import addresses, naming, providers
from plinth.batch import plan as batch_plan
from plinth.batch.queues import BatchQueues
from plinth.batch.ray_operator import ray_operator
from plinth.cluster import auto_mode, crds, flows, nodes
from plinth.cluster.base import ClusterBase
from plinth.cluster.cluster import Cluster
from plinth.cluster.crds import CrdBundle
from plinth.cluster.general_node_pool import GeneralNodePool
from plinth.cluster.gpu_node_pool import GpuNodePool
from plinth.cluster.image_rules import ImageRules
from plinth.cluster.karpenter import Karpenter
from plinth.data.cache import Cache
from plinth.data.postgres import Follows, Leads, Postgres
from plinth.data.vector import VectorStore
from plinth.gateway import hosted
from plinth.gateway import plan as gateway_plan
from plinth.gateway.entry import Entry, EntryPlatform, Part
from plinth.gateway.gateway import API, METRICS, Gateway
from plinth.gateway.outside import outside
from plinth.network.vpc import Network
from plinth.observability.monitoring import Monitoring
from plinth.providers import Providers
from plinth.security.baseline import SecurityBaseline
from plinth.security.keys import Keys
from plinth.security.secrets import SecretCopies, SecretsBridge
from plinth.serving import controllers, revisions
from plinth.serving.autoscaler import autoscaler, group_controller
from plinth.serving.model_deployment import ModelDeployment
from plinth.serving.platform import ServingPlatform
from plinth.serving.remote.remote_gpu import RemoteGpu
from plinth.snowflake.account import SnowflakeAccount
from plinth.spec import PlatformSpec
from plinth.spec.remote import LambdaGpu
from plinth.storage.object_store import ObjectStore
from plinth.tenancy.tenant import Tenant, TenantPlatform


@dataclass(frozen=True)
class Stores:
    """Keys and what they encrypt first: a second region has them before anything runs there."""

    keys: Keys
    storage: ObjectStore


def stores(spec: PlatformSpec, given: Providers) -> Stores:
    """Keys and object storage."""
    environment = spec.environment
    keys = Keys("keys", environment=environment, opts=given.options())
    storage = ObjectStore(
        "storage", spec.storage, environment=environment, key_arn=keys.arn["data"], opts=given.options()
    )
    return Stores(keys, storage)


@dataclass(frozen=True)
class Foundation:
    """What everything stands on."""

    keys: Keys
    network: Network
    storage: ObjectStore
    security: SecurityBaseline


def foundation(spec: PlatformSpec, given: Providers, below: Stores) -> Foundation:
    """The network, and what watches the account, on top of keys and object storage."""
    environment, keys, storage = spec.environment, below.keys, below.storage
    network = Network(
        "network",
        hosted.with_endpoints(spec),
        environment=environment,
        log_key_arn=keys.arn["logs"],
        opts=given.options(),
    )
    security = SecurityBaseline(
        "security",
        spec.security,
        environment=environment,
        oncall_email=spec.monitoring.oncall_email,
        bucket_arns=storage.arns,
        opts=given.options(),
    )
    return Foundation(keys, network, storage, security)


@dataclass(frozen=True)
class ClusterLayer:
    """A cluster that workloads can be put on."""

    cluster: Cluster
    crds: CrdBundle
    base: ClusterBase
    bridge: SecretsBridge
    pools: dict[str, GpuNodePool]
    general: dict[str, GeneralNodePool]
    ray: pulumi.Resource | None
    """KubeRay, for tenants' jobs and for models that Ray serves; None where there are neither."""
    given: Providers
    """The providers, Kubernetes among them."""

    def for_workloads(self) -> pulumi.ResourceOptions:
        """Options of components whose pods need nodes of Karpenter's: they come after these, and go before."""
        return self.given.options(depends_on=list(self.general.values()))


def cluster(spec: PlatformSpec, below: Foundation, given: Providers) -> ClusterLayer:
    """EKS, what every workload in it needs, and GPU nodes."""
    environment = spec.environment
    eks = Cluster(
        "cluster",
        spec.cluster,
        environment=environment,
        network=below.network,
        cluster_key_arn=below.keys.arn["cluster"],
        log_key_arn=below.keys.arn["logs"],
        auto_mode_nodes=auto_mode.wanted(spec.gpu_pools),
        opts=given.options(),
    )
    given = given.with_kubernetes(
        providers.cluster_provider(
            environment,
            kubeconfig=eks.kubeconfig,
            # Two regions have clusters of one name; a dot cannot be in it.
            identifier=pulumi.Output.concat(eks.name, given.label.replace("-", ".", 1)),
            label=given.label,
            ready=eks.ready,
        )
    )
    bundle = CrdBundle(
        "crds",
        environment=environment,
        projects=crds.projects(spec),
        without=crds.brought_by_eks(spec),
        opts=given.options(),
    )
    base = ClusterBase(
        "base",
        environment=environment,
        flows=flows.flows(spec),
        cluster_key_arn=below.keys.arn["cluster"],
        opts=given.options(),
    )
    system = base.namespaces[naming.SYSTEM_NAMESPACE]
    bridge = SecretsBridge(
        "secrets",
        environment=environment,
        cluster_name=eks.name,
        namespace=system,
        secrets_key_arn=below.keys.arn["secrets"],
        opts=given.options(),
    )
    ImageRules(
        "images",
        spec.cluster.images,
        environment=environment,
        cluster_name=eks.name,
        namespace=system,
        after=bundle.of("kyverno"),
        opts=given.options(),
    )
    karpenter = Karpenter(
        "karpenter",
        environment=environment,
        cluster=eks,
        namespace=system,
        crds=bundle.of("karpenter"),
        pools=spec.gpu_pools,
        opts=given.options(),
    )
    pools = nodes.gpu_pools(spec, below.network, eks, karpenter, base.namespaces[naming.NODES_NAMESPACE], given)
    general = nodes.general_pools(spec, below.network, eks, karpenter, given)
    ray = None
    if "kuberay" in crds.projects(spec):
        ray = ray_operator("kuberay", namespace=system, opts=given.options(depends_on=bundle.of("kuberay")))
    return ClusterLayer(eks, bundle, base, bridge, pools, general, ray, given)


@dataclass(frozen=True)
class Data:
    """Where data rests."""

    postgres: Postgres
    cache: Cache
    vector: VectorStore
    snowflake: SnowflakeAccount | None


def data(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    snowflake_key: pulumi.Input[str] | None,
    postgres_part: Leads | Follows | None = None,
) -> Data:
    """PostgreSQL, the cache, the vector store and Snowflake."""
    environment, given = spec.environment, on.given
    postgres = Postgres(
        "postgres",
        spec.postgres,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        part=postgres_part,
        opts=given.options(),
    )
    cache = Cache(
        "cache",
        spec.cache,
        environment=environment,
        network=below.network,
        key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        client_security_group_id=on.cluster.security_group_id,
        opts=given.options(),
    )
    vector = VectorStore(
        "vector",
        spec.vector,
        environment=environment,
        postgres=postgres,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        bridge=on.bridge,
        runtime_image=spec.gateway.image,
        databases_cidr=spec.network.node_cidr,
        tenants=[tenant.name for tenant in spec.tenants],
        copies=postgres_part.copies if isinstance(postgres_part, Leads) else None,
        opts=on.for_workloads(),
    )
    account = None
    if spec.snowflake:
        provider = providers.snowflake_provider(spec.snowflake, snowflake_key)
        account = SnowflakeAccount(
            "snowflake",
            spec.snowflake,
            environment=environment,
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
    return Data(postgres, cache, vector, account)


def serving(spec: PlatformSpec, below: Foundation, on: ClusterLayer) -> dict[str, ModelDeployment]:
    """The models that the platform serves itself, by name."""
    self_hosted = revisions.self_hosted(spec.models)
    pools = {pool.name: pool for pool in spec.gpu_pools}
    system, wanted = on.base.namespaces[naming.SYSTEM_NAMESPACE], crds.projects(spec)
    groups = keda = None
    if "lws" in wanted:
        opts = on.given.options(depends_on=on.crds.of("lws"))
        groups = group_controller("lws", namespace=system, opts=opts)
    if "keda" in wanted:
        keda = autoscaler("keda", namespace=system, opts=on.given.options(depends_on=on.crds.of("keda")))
    platform = ServingPlatform(
        namespace=on.base.namespaces[naming.SERVING_NAMESPACE],
        cluster_name=on.cluster.name,
        priority_class=on.base.priority_classes[naming.SERVING_PRIORITY],
        runtime_image=spec.gateway.image,
        longest_request_seconds=spec.gateway.request_timeout_seconds,
        weights=below.storage,
        data_key_arn=below.keys.arn["data"],
        pools=pools,
        nodes=on.pools,
        self_hosted=self_hosted,
        controllers=_serving_controllers(spec, on),
        groups=groups,
        autoscaler=keda,
    )
    return {
        model.name: ModelDeployment(
            f"model-{model.name}",
            model,
            environment=spec.environment,
            port=addresses.model_port(spec, model),
            platform=platform,
            opts=on.for_workloads(),
        )
        for model in revisions.in_cluster(spec.models)
    }


def _serving_controllers(spec: PlatformSpec, on: ClusterLayer) -> dict[str, Sequence[pulumi.Resource]]:
    """What engines' objects wait for, by engine."""
    wanted = controllers.needed(spec.models)
    if not wanted:
        return {}
    made = controllers.ServingControllers(
        "serving",
        wanted,
        environment=spec.environment,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        serving_namespace=on.base.namespaces[naming.SERVING_NAMESPACE],
        ready=on.crds.of(*(project for controller in wanted for project in controllers.PROJECTS[controller])),
        ray=on.ray,
        opts=on.given.options(),
    )
    return {
        engine: made.ready[controller]
        for engine, controller in controllers.OF_ENGINE.items()
        if controller in made.ready
    }


@dataclass(frozen=True)
class Access:
    """How models are reached, and by whom."""

    gateway: Gateway
    tenants: dict[str, Tenant]


def gateway(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    copies: SecretCopies | None = None,
    copied: pulumi.Output[str] | None = None,
    part: Part = "only",
    lambda_key: pulumi.Input[str] | None = None,
) -> Access:
    """The gateway, the GPUs outside AWS that it calls, and its tenants.

    Args:
        spec: the environment.
        below: the foundation.
        on: the cluster.
        copies: the second region, which gets a copy of the gateway's keys.
        copied: in that region: known once the keys are there.
        part: what this region is to the gateway's DNS name.
        lambda_key: API key of Lambda Cloud.
    """
    remote = remote_gpus(spec, below, on, lambda_key)
    config = gateway_plan.runtime_config(spec)
    front = Gateway(
        "gateway",
        spec.gateway,
        environment=spec.environment,
        config=config,
        outside=outside(
            spec,
            remote={name: gpu.mounts for name, gpu in remote.items()},
            data_key_arn=below.keys.arn["data"],
            log_key_arn=below.keys.arn["logs"],
            opts=on.given.options(),
        ),
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        priority_class=on.base.priority_classes[naming.SYSTEM_PRIORITY],
        bridge=on.bridge,
        secrets_key_arn=below.keys.arn["secrets"],
        entry_cidr=spec.network.node_cidr if spec.gateway.entry else None,
        copies=copies,
        copied=copied,
        opts=on.given.options(),
    )
    if spec.gateway.entry:
        platform = EntryPlatform(
            network=below.network,
            node_security_group_id=on.cluster.security_group_id,
            node_scaling_group=on.cluster.system_scaling_group,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            port_name=API,
            part=part,
        )
        Entry("entry", spec.gateway.entry, environment=spec.environment, platform=platform, opts=on.given.options())
    return Access(front, tenants(spec, below, on, config.gateway.port))


def batch(spec: PlatformSpec, on: ClusterLayer) -> BatchQueues | None:
    """Queues for tenants' jobs, and the operators that run them."""
    if spec.batch is None:
        return None
    namespace = on.base.namespaces[naming.SYSTEM_NAMESPACE]
    return BatchQueues(
        "batch",
        spec.batch,
        environment=spec.environment,
        queues=batch_plan.plan(spec.batch, spec.gpu_pools, spec.cluster.general_pools, spec.models, spec.tenants),
        namespace=namespace,
        crds=on.crds.of("jobset", "trainer") if "train" in spec.batch.frameworks else [],
        ray=on.ray if "ray" in spec.batch.frameworks else None,
        opts=on.given.options(),
    )


def remote_gpus(
    spec: PlatformSpec, below: Foundation, on: ClusterLayer, lambda_key: pulumi.Input[str] | None
) -> dict[str, RemoteGpu]:
    """GPUs outside AWS, by name."""
    given: list[pulumi.ProviderResource] = []
    if any(isinstance(gpu, LambdaGpu) for gpu in spec.remote_gpus):
        given.append(providers.lambda_provider(lambda_key))
    return {
        gpu.name: RemoteGpu(
            f"remote-{gpu.name}",
            gpu,
            environment=spec.environment,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            sources=below.network.nat_sources,
            secrets_key_arn=below.keys.arn["secrets"],
            opts=on.given.options(*given),
        )
        for gpu in spec.remote_gpus
    }


def tenants(spec: PlatformSpec, below: Foundation, on: ClusterLayer, gateway_port: int) -> dict[str, Tenant]:
    """The product teams, by name."""
    platform = TenantPlatform(
        cluster_name=on.cluster.name,
        gateway_port=gateway_port,
        bridge=on.bridge,
        secrets_key_arn=below.keys.arn["secrets"],
        data_key_arn=below.keys.arn["data"],
        bucket_arns=below.storage.arns,
        queues=batch(spec, on),
        home=on.given.home,
    )
    return {
        tenant.name: Tenant(
            f"tenant-{tenant.name}",
            tenant,
            environment=spec.environment,
            platform=platform,
            opts=on.for_workloads(),
        )
        for tenant in spec.tenants
    }


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
