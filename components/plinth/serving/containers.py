"""The containers of model servers."""

from importlib.resources import files
from typing import Any

import pulumi
from pulumi_kubernetes import core

from plinth import pods
from plinth.cluster.gpu_request import PodGpus
from plinth.serving import vllm
from plinth.spec.models import DevelopmentModel, SelfHostedModel
from plinth.spec.weights import OciSource
from plinth_runtime import names

PORT_NAME = "http"
"""Name of a model server's port."""

COMPONENT = "model"
"""Value of the component label on pods of model servers."""

_CACHE, _SHM, _TEMPORARY, _FETCHED, _WEIGHTS = "cache", "shm", "tmp", "fetched", "weights"

_FETCH = files("plinth").joinpath("serving/fetch.py").read_text()
"""The script of the init container."""


def vllm_container(
    model: SelfHostedModel,
    *,
    port: int,
    weights: pulumi.Input[str],
    region: str,
    needs: vllm.PodResources,
    gpus: PodGpus,
    drain_seconds: int,
    place: vllm.Place = vllm.ALONE,
) -> core.v1.ContainerArgs:
    """vLLM, loading its weights and reporting ready once they are on the GPUs.

    The other nodes of a replica on several have no API, so no probes: if one of them fails, the whole replica starts
    again.
    """
    variables = vllm.environment_variables(needs, region)
    return core.v1.ContainerArgs(
        name="vllm",
        image=model.engine.image,
        command=place.command(model),
        args=[weights, *vllm.serve_options(model, port, drain_seconds, gpus.memory_share)],
        env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in variables.items()],
        ports=[core.v1.ContainerPortArgs(name=PORT_NAME, container_port=port)] if place.leads else None,
        resources=pods.resources(
            cpu=str(needs.cpus),
            cpu_limit=str(needs.cpu_limit),
            memory=f"{needs.memory_gib}Gi",
            extended=gpus.resources,
            claims=[claim.name for claim in gpus.claims],
        ),
        security_context=pods.container_security(),
        **(_probes(model) if place.leads else {}),
        # The gateway stops choosing a pod some seconds after it begins to end.
        lifecycle=core.v1.LifecycleArgs(
            pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=10))
        ),
        volume_mounts=[
            core.v1.VolumeMountArgs(name=_CACHE, mount_path=vllm.CACHE),
            core.v1.VolumeMountArgs(name=_SHM, mount_path="/dev/shm"),  # noqa: S108 - shared memory of the pod
            core.v1.VolumeMountArgs(name=_TEMPORARY, mount_path=pods.TEMPORARY),
            *([_read_only(_FETCHED, vllm.FETCHED)] if vllm.fetched(model) else []),
            *([_read_only(_WEIGHTS, vllm.WEIGHTS)] if isinstance(model.source, OciSource) else []),
        ],
    )


def _probes(model: SelfHostedModel) -> dict[str, Any]:
    path, port = vllm.HEALTH_PATH, PORT_NAME
    return {
        "startup_probe": pods.http_probe(path, port, period=10, failures=model.start_minutes * 6, timeout=5),
        "readiness_probe": pods.http_probe(path, port, period=5, failures=3, timeout=5),
        "liveness_probe": pods.http_probe(path, port, period=15, failures=6, timeout=5),
    }


def _read_only(volume: str, path: str) -> core.v1.VolumeMountArgs:
    return core.v1.VolumeMountArgs(name=volume, mount_path=path, read_only=True)


def fetch_containers(
    model: SelfHostedModel, *, bucket: pulumi.Input[str], region: str
) -> list[core.v1.ContainerArgs] | None:
    """Init container that copies the draft model and the adapters from S3; None where there are none."""
    if not (wanted := vllm.fetched(model)):
        return None
    variables = {"AWS_DEFAULT_REGION": region, "HOME": pods.TEMPORARY}
    return [
        core.v1.ContainerArgs(
            name="fetch",
            image=model.engine.image,
            command=["python3", "-c", _FETCH],
            args=[bucket, *(f"{path}={folder}" for path, folder in wanted.items())],
            env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in variables.items()],
            resources=pods.resources(cpu="500m", cpu_limit="2", memory="1Gi"),
            security_context=pods.container_security(),
            volume_mounts=[
                core.v1.VolumeMountArgs(name=_FETCHED, mount_path=vllm.FETCHED),
                core.v1.VolumeMountArgs(name=_TEMPORARY, mount_path=pods.TEMPORARY),
            ],
        )
    ]


def vllm_volumes(model: SelfHostedModel, needs: vllm.PodResources) -> list[core.v1.VolumeArgs]:
    """Volumes of a vLLM pod."""
    volumes = [
        pods.scratch(_CACHE, "20Gi"),
        pods.scratch(_SHM, f"{needs.shm_gib}Gi", memory=True),
        pods.scratch(_TEMPORARY, "5Gi"),
    ]
    if vllm.fetched(model):
        volumes.append(pods.scratch(_FETCHED, f"{vllm.fetched_gib(model)}Gi"))
    if isinstance(model.source, OciSource):
        image = core.v1.ImageVolumeSourceArgs(reference=model.source.image, pull_policy="IfNotPresent")
        volumes.append(core.v1.VolumeArgs(name=_WEIGHTS, image=image))
    return volumes


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
