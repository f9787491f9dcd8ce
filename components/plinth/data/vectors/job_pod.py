"""The pod of Jobs that make collections. Pure."""

from collections.abc import Mapping

from pulumi_kubernetes import core

from plinth import naming, pods
from plinth.data.vectors import plan

CONFIG_DIR = "/etc/plinth/vectors"


def job_pod(
    image: str,
    name: str,
    *,
    command: str,
    config_file: str,
    secrets: Mapping[str, str],
    documents: tuple[str, str] | None = None,
    priority: bool = False,
) -> core.v1.PodSpecArgs:
    """The pod.

    Args:
        image: plinth-runtime, by digest.
        name: of the container, and of the ConfigMap.
        command: part of the runtime that runs.
        config_file: key of the ConfigMap.
        secrets: folders and the Kubernetes Secrets mounted there.
        documents: a folder and a Secret that need not exist.
        priority: whether it goes before what tenants run.
    """
    optional = {documents[0]: documents[1]} if documents else {}
    mounts = {CONFIG_DIR: "config", **secrets, **optional}
    container = core.v1.ContainerArgs(
        name=name,
        image=image,
        command=["plinth-runtime", command, "--config", f"{CONFIG_DIR}/{config_file}"],
        security_context=pods.container_security(),
        resources=pods.resources(cpu="50m", memory="256Mi", cpu_limit="500m"),
        volume_mounts=[
            core.v1.VolumeMountArgs(name=volume, mount_path=folder, read_only=True) for folder, volume in mounts.items()
        ],
    )
    return core.v1.PodSpecArgs(
        restart_policy="Never" if documents else "OnFailure",
        service_account_name=plan.APP,
        automount_service_account_token=False,
        priority_class_name=naming.SYSTEM_PRIORITY if priority else None,
        security_context=pods.pod_security(),
        containers=[container],
        volumes=[
            core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=name)),
            *(
                core.v1.VolumeArgs(
                    name=secret,
                    secret=core.v1.SecretVolumeSourceArgs(
                        secret_name=secret, optional=True if secret in optional.values() else None
                    ),
                )
                for secret in (*secrets.values(), *optional.values())
            ),
        ],
    )
