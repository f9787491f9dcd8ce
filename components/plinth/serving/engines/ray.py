"""Ray: a RayService, whose cluster Ray Serve's LLM application runs on."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import apiextensions, core, networking

from plinth import naming, pods
from plinth.cluster.gpu_request import pod_gpus
from plinth.kinds import ray
from plinth.serving import containers, scaling, vllm
from plinth.serving.deployment import patience_seconds, pod_basics
from plinth.serving.engine import Disruption, Doors, Scrape, Signals, Site
from plinth.serving.engines import ray_config
from plinth.spec.engines import RayEngine
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel

DASHBOARD_PORT, AGENT_PORT, METRICS_PORT = 8265, 52365, 8080
"""Ports of the head's dashboard and job API, of the agent on each node, and of Ray's metrics."""

SERVE_PORT = 8000
"""Port of Ray Serve's proxies."""

OPERATOR_PORTS = (SERVE_PORT, DASHBOARD_PORT, AGENT_PORT)
"""Where KubeRay looks after a cluster and its applications."""

METRICS_NAME = "metrics"

OPERATOR = "kuberay-operator"
"""Value of the name label on the operator's pods."""

RAY_USER = 1000
"""User of Ray's images: Ray itself is in that user's home."""

WORKERS = "gpus"
"""Name of the group of workers."""

WAITING, RUNNING = "ray_vllm_num_requests_waiting", "ray_vllm_num_requests_running"
KV_CACHE = "ray_vllm_kv_cache_usage_perc"
"""vLLM's gauges as Ray exports them."""


class RayServe:
    """vLLM in the workers of a Ray cluster; Ray itself decides how many there are."""

    port = SERVE_PORT

    def __init__(self, spec: RayEngine) -> None:
        self._spec = spec

    def service_name(self, model: SelfHostedModel) -> str:
        """KubeRay's Service; it moves from one cluster to the next when a new version is ready."""
        return f"{model.name}-serve-svc"

    def served_name(self, model: SelfHostedModel) -> str:
        """The platform's own name."""
        return model.name

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """The platform's own labels, on the head and on the workers."""
        return pods.selector(containers.COMPONENT, model.name)

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """All of them: a replica is one pod."""
        return self.pod_selector(model)

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """The nodes talk to each other on many ports; the gateway calls Serve, the operator configures it."""
        nodes = pods.peer(naming.SERVING_NAMESPACE, self.pod_selector(model))
        gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(naming.GATEWAY))
        operator = pods.peer(naming.SYSTEM_NAMESPACE, {"app.kubernetes.io/name": OPERATOR})
        return Doors(
            ingress=[
                networking.v1.NetworkPolicyIngressRuleArgs(from_=[nodes]),
                pods.allow_from([gateway], self.port),
                pods.allow_from([operator], *OPERATOR_PORTS),
                pods.allow_from([pods.peer(naming.MONITORING_NAMESPACE)], METRICS_PORT),
            ],
            egress=[networking.v1.NetworkPolicyEgressRuleArgs(to=[nodes])],
        )

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """Kubernetes cannot count what a RayCluster should have, so it is told how many must stay.

        One of them is the head.
        """
        return Disruption(min_available=model.replicas.min)

    def signals(self, model: SelfHostedModel) -> Signals:
        """VLLM's metrics, which Ray renames."""
        where = scaling.selector(model.name)
        return Signals(
            waiting=f"sum({WAITING}{where})",
            running=f"sum({RUNNING}{where})",
            kv_cache=f"100 * sum({KV_CACHE}{where})",
        )

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """Head and workers: Ray says its metrics, and vLLM's, on a port of their own."""
        return (Scrape("", self.pod_selector(model), METRICS_NAME),)

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> None:
        """Ray Serve asks for replicas, and Ray's autoscaler for the pods that they need."""
        return

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The RayService."""
        drain = site.platform.longest_request_seconds
        config = ray_config.serve_config(
            model, site.weights, vllm.serve_options(model, self.port, drain), port=self.port, drain_seconds=drain
        )
        timeout = f"{patience_seconds(model.start_minutes * 60) + drain}s"
        return ray.RayService(
            serve_config_v2=pulumi.Output.json_dumps(config),
            upgrade_strategy=ray.UpgradeStrategy(type="NewCluster"),
            ray_cluster_deletion_delay_seconds=drain,
            ray_cluster_config=self._cluster(model, site),
        ).register(
            f"{site.name}-ray",
            name=model.name,
            namespace=site.platform.namespace,
            labels=site.labels,
            annotations={"pulumi.com/waitFor": "condition=Ready"},
            opts=site.component.options(
                apiextensions.CustomResource,
                depends_on=list(site.after),
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )

    def _cluster(self, model: SelfHostedModel, site: Site) -> ray.RayClusterSpec:
        scaled = scaling.is_scaled(model)
        metadata = ray.PodMetadata(labels=site.labels)
        needs = vllm.pod_resources(model, site.pool)
        workers = ray.WorkerGroup(
            group_name=WORKERS,
            replicas=model.replicas.min,
            min_replicas=model.replicas.min,
            max_replicas=model.replicas.max,
            # Half of the shared memory: vLLM's processes need the other half.
            ray_start_params={"object-store-memory": str(needs.shm_gib * 2**30 // 2)},
            template=ray.PodTemplate(metadata=metadata, spec=self._worker(model, site, needs)),
        )
        head = ray.HeadGroup(
            # No work of its own on the head: the model's ingress and replicas are where the GPUs are.
            ray_start_params={"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 - the pod's wall decides
            template=ray.PodTemplate(metadata=metadata, spec=self._head(model, site, scaled=scaled)),
        )
        return ray.RayClusterSpec(
            ray_version=self._spec.ray_version,
            auth_options=ray.AuthOptions(mode="token"),
            enable_in_tree_autoscaling=scaled,
            autoscaler_options=_autoscaler() if scaled else None,
            head_group_spec=head,
            worker_group_specs=[workers],
        )

    def _head(self, model: SelfHostedModel, site: Site, *, scaled: bool) -> core.v1.PodSpecArgs:
        variables = {"HOME": vllm.CACHE, "RAY_USAGE_STATS_ENABLED": "0", "AWS_REGION": site.environment.region}
        return core.v1.PodSpecArgs(
            containers=[
                core.v1.ContainerArgs(
                    name="ray-head",
                    image=self._spec.image,
                    env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in variables.items()],
                    ports=_ports(gcs=6379, dashboard=DASHBOARD_PORT, client=10001, metrics=METRICS_PORT),
                    resources=pods.resources(cpu="1", cpu_limit="2", memory="8Gi"),
                    security_context=pods.container_security(),
                    volume_mounts=_mounts("cache", "shm", "tmp"),
                )
            ],
            volumes=[
                pods.scratch("cache", "5Gi"),
                pods.scratch("shm", "2Gi", memory=True),
                pods.scratch("tmp", "10Gi"),
            ],
            # Ray's autoscaler, beside the head, changes the number of workers.
            **pod_basics(model.name, site.platform.priority_class, user=RAY_USER, api_token=scaled),
        )

    def _worker(self, model: SelfHostedModel, site: Site, needs: vllm.PodResources) -> core.v1.PodSpecArgs:
        gpus = pod_gpus(site.pool, model.gpus)
        drain = site.platform.longest_request_seconds
        variables = {**vllm.environment_variables(needs, site.environment.region), "RAY_USAGE_STATS_ENABLED": "0"}
        selector = {"ray.io/group": WORKERS, **self.pod_selector(model)}
        return core.v1.PodSpecArgs(
            containers=[
                core.v1.ContainerArgs(
                    name="ray-worker",
                    image=self._spec.image,
                    env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in variables.items()],
                    ports=_ports(metrics=METRICS_PORT, serve=self.port),
                    resources=pods.resources(
                        cpu=str(needs.cpus),
                        cpu_limit=str(needs.cpu_limit),
                        memory=f"{needs.memory_gib}Gi",
                        extended=gpus.resources,
                    ),
                    security_context=pods.container_security(),
                    lifecycle=core.v1.LifecycleArgs(
                        pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=drain))
                    ),
                    volume_mounts=_mounts("cache", "shm", "tmp"),
                )
            ],
            volumes=containers.vllm_volumes(model, needs),
            node_selector=gpus.node_selector,
            tolerations=[pods.toleration(wanted) for wanted in gpus.tolerations],
            topology_spread_constraints=[
                pods.spread(selector, zone=False, required=True, places=min(model.replicas.min, 2)),
                pods.spread(selector, zone=True),
            ],
            termination_grace_period_seconds=drain + 30,
            **pod_basics(model.name, site.platform.priority_class, user=RAY_USER),
        )


def _autoscaler() -> ray.AutoscalerOptions:
    return ray.AutoscalerOptions(
        idle_timeout_seconds=ray_config.DOWNSCALE_SECONDS,
        resources=pods.resources(cpu="200m", cpu_limit="500m", memory="1Gi"),
        security_context=pods.container_security(),
    )


def _ports(**numbers: int) -> list[core.v1.ContainerPortArgs]:
    return [core.v1.ContainerPortArgs(name=name, container_port=number) for name, number in numbers.items()]


def _mounts(*volumes: str) -> list[core.v1.VolumeMountArgs]:
    paths = {"cache": vllm.CACHE, "shm": "/dev/shm", "tmp": pods.TEMPORARY}  # noqa: S108 - paths in the container
    return [core.v1.VolumeMountArgs(name=name, mount_path=paths[name]) for name in volumes]
