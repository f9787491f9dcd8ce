"""Servers that read their weights from files: a Deployment whose pods fetch them from S3 first."""

import math
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from plinth import pods
from plinth.cluster.gpu_request import pod_gpus
from plinth.serving import containers, scaling, vllm
from plinth.serving.deployment import deployment, pod_basics, service
from plinth.serving.engine import Site
from plinth.spec import sizing
from plinth.spec.models import SelfHostedModel

WEIGHTS = "/weights"
"""Folder of the weights in the pod."""

DRAIN_SECONDS = 10
"""Pause before a server hears of its end: the gateway stops choosing its pod meanwhile."""


@dataclass(frozen=True)
class Server:
    """What differs between servers."""

    name: str
    """Name of the container."""
    image: str
    command: list[str]
    args: list[str]
    variables: dict[str, str]
    health_path: str


def weights_gib(model: SelfHostedModel) -> int:
    """Disk that a model's files may take, in GiB: its weights, and a tenth more for what is with them."""
    return math.ceil(sizing.weights_gib(model) * 1.1) + 1


def serve_files(
    server: Server, model: SelfHostedModel, site: Site, selector: dict[str, str], port: int
) -> pulumi.Resource:
    """The Deployment and the Service; gives the Deployment."""
    workload = deployment(
        f"{site.name}-deployment",
        site.component,
        metadata=site.metadata,
        selector=selector,
        labels=site.labels,
        pod=_pod(server, model, site, selector, port),
        replicas=None if scaling.is_scaled(model) else model.replicas.min,
        rollout=vllm.rollout(model, site.pool, list(site.platform.self_hosted)),
        start_seconds=model.start_minutes * 60,
        most_replicas=model.replicas.max,
        after=site.after,
    )
    service(f"{site.name}-service", site.component, metadata=site.metadata, selector=selector, port=port)
    return workload


def _pod(
    server: Server, model: SelfHostedModel, site: Site, selector: dict[str, str], port: int
) -> core.v1.PodSpecArgs:
    needs = vllm.pod_resources(model, site.pool)
    gpus = pod_gpus(site.pool, model.gpus)
    longest = site.platform.longest_request_seconds
    return core.v1.PodSpecArgs(
        init_containers=[_fetch(site)],
        containers=[
            core.v1.ContainerArgs(
                name=server.name,
                image=server.image,
                command=server.command,
                args=server.args,
                env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in server.variables.items()],
                ports=[core.v1.ContainerPortArgs(name=containers.PORT_NAME, container_port=port)],
                resources=pods.resources(
                    cpu=str(needs.cpus),
                    cpu_limit=str(needs.cpu_limit),
                    memory=f"{needs.memory_gib}Gi",
                    extended=gpus.resources,
                ),
                security_context=pods.container_security(),
                startup_probe=pods.http_probe(
                    server.health_path, containers.PORT_NAME, period=10, failures=model.start_minutes * 6, timeout=5
                ),
                readiness_probe=pods.http_probe(
                    server.health_path, containers.PORT_NAME, period=5, failures=3, timeout=5
                ),
                liveness_probe=pods.http_probe(
                    server.health_path, containers.PORT_NAME, period=15, failures=6, timeout=5
                ),
                lifecycle=core.v1.LifecycleArgs(
                    pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=DRAIN_SECONDS))
                ),
                volume_mounts=[
                    core.v1.VolumeMountArgs(name="weights", mount_path=WEIGHTS, read_only=True),
                    core.v1.VolumeMountArgs(name="cache", mount_path=vllm.CACHE),
                    core.v1.VolumeMountArgs(name="shm", mount_path="/dev/shm"),  # noqa: S108 - memory of the pod
                    core.v1.VolumeMountArgs(name="tmp", mount_path=pods.TEMPORARY),
                ],
            )
        ],
        volumes=[pods.scratch("weights", f"{weights_gib(model)}Gi"), *containers.vllm_volumes(model, needs)],
        node_selector=gpus.node_selector,
        tolerations=[pods.toleration(wanted) for wanted in gpus.tolerations],
        topology_spread_constraints=[
            # The scheduler fills nodes, so without this the loss of one could take every replica along.
            pods.spread(selector, zone=False, required=True, places=min(model.replicas.min, 2)),
            pods.spread(selector, zone=True),
        ],
        termination_grace_period_seconds=longest + DRAIN_SECONDS + 30,
        **pod_basics(model.name, site.platform.priority_class),
    )


def _fetch(site: Site) -> core.v1.ContainerArgs:
    """The runtime brings the weights, as the pod's own identity."""
    region = site.environment.region
    return core.v1.ContainerArgs(
        name="weights",
        image=site.platform.runtime_image,
        command=["plinth-runtime", "fetch-weights"],
        args=["--from", site.weights, "--to", WEIGHTS],
        env=[core.v1.EnvVarArgs(name=name, value=region) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")],
        resources=pods.resources(cpu="1", cpu_limit="4", memory="4Gi"),
        security_context=pods.container_security(),
        volume_mounts=[core.v1.VolumeMountArgs(name="weights", mount_path=WEIGHTS)],
    )
