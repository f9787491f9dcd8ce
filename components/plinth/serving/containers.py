"""The containers of model servers."""

import pulumi
from pulumi_kubernetes import core

from plinth import pods
from plinth.cluster.gpu_request import PodGpus
from plinth.serving import vllm
from plinth.spec.models import DevelopmentModel, SelfHostedModel
from plinth_runtime import names

PORT_NAME = "http"
"""Name of a model server's port."""

COMPONENT = "model"
"""Value of the component label on pods of model servers."""

_CACHE, _SHM, _TEMPORARY = "cache", "shm", "tmp"


def vllm_container(
    model: SelfHostedModel,
    *,
    port: int,
    weights: pulumi.Input[str],
    region: str,
    needs: vllm.PodResources,
    gpus: PodGpus,
    drain_seconds: int,
) -> core.v1.ContainerArgs:
    """vLLM, loading its weights from S3 and reporting ready once they are on the GPU."""
    variables = vllm.environment_variables(needs, region)
    return core.v1.ContainerArgs(
        name="vllm",
        image=model.engine.image,
        command=["vllm", "serve"],
        args=[weights, *vllm.serve_options(model, port, drain_seconds, gpus.memory_share)],
        env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in variables.items()],
        ports=[core.v1.ContainerPortArgs(name=PORT_NAME, container_port=port)],
        resources=pods.resources(
            cpu=str(needs.cpus),
            cpu_limit=str(needs.cpu_limit),
            memory=f"{needs.memory_gib}Gi",
            extended=gpus.resources,
        ),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe(
            vllm.HEALTH_PATH, PORT_NAME, period=10, failures=model.start_minutes * 6, timeout=5
        ),
        readiness_probe=pods.http_probe(vllm.HEALTH_PATH, PORT_NAME, period=5, failures=3, timeout=5),
        liveness_probe=pods.http_probe(vllm.HEALTH_PATH, PORT_NAME, period=15, failures=6, timeout=5),
        # The gateway stops choosing a pod some seconds after it begins to end.
        lifecycle=core.v1.LifecycleArgs(
            pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=10))
        ),
        volume_mounts=[
            core.v1.VolumeMountArgs(name=_CACHE, mount_path=vllm.CACHE),
            core.v1.VolumeMountArgs(name=_SHM, mount_path="/dev/shm"),  # noqa: S108 - shared memory of the pod
            core.v1.VolumeMountArgs(name=_TEMPORARY, mount_path=pods.TEMPORARY),
        ],
    )


def vllm_volumes(needs: vllm.PodResources) -> list[core.v1.VolumeArgs]:
    """Volumes that vLLM writes to."""
    return [
        pods.scratch(_CACHE, "20Gi"),
        pods.scratch(_SHM, f"{needs.shm_gib}Gi", memory=True),
        pods.scratch(_TEMPORARY, "5Gi"),
    ]


def development_container(model: DevelopmentModel, *, port: int, image: str) -> core.v1.ContainerArgs:
    """The runtime's deterministic model server."""
    return core.v1.ContainerArgs(
        name="development-model",
        image=image,
        command=["plinth-runtime", "development-model"],
        args=[
            "--port",
            str(port),
            "--model",
            model.name,
            "--tokens-per-second",
            str(model.tokens_per_second),
        ],
        ports=[core.v1.ContainerPortArgs(name=PORT_NAME, container_port=port)],
        resources=pods.resources(cpu="100m", cpu_limit="1", memory="256Mi"),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe(names.HEALTH_PATH, PORT_NAME, period=1, failures=30),
        readiness_probe=pods.http_probe(names.READY_PATH, PORT_NAME, period=2, failures=3),
        liveness_probe=pods.http_probe(names.HEALTH_PATH, PORT_NAME, period=10, failures=3),
    )
