"""The Job that keeps collections of vectors in shape: the platform's own, and each tenant's."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pulumi
from pulumi_kubernetes import core, meta, networking

from plinth import pods
from plinth.base import to_props
from plinth.data.postgres import PORT
from plinth.spec.vectors import PgVectorStore as VectorStoreSection
from plinth_runtime.vector_schema import Collection, TenantLogin, VectorSchema

APP = "vector-schema"
COMPONENT = "vector-store"
CREDENTIALS = "vector-store-admin"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/vector", "schema.json"
CREDENTIALS_DIR = "/etc/plinth/postgres"
LOGINS_DIR = "/etc/plinth/logins"
FIELDS = ("name", "dimensions", "distance", "hnsw_m", "hnsw_ef_construction")
"""Fields of a collection that its table and index follow."""


@dataclass(frozen=True, slots=True)
class Login:
    """A tenant's login at the store."""

    tenant: str
    role: str
    """Name of the PostgreSQL role, and of the schema that it owns."""
    secret: str
    """Kubernetes Secret with the field `password`, beside the Job."""


def schema_config(section: VectorStoreSection, host: str, port: int, logins: Sequence[Login] = ()) -> str:
    """What the Job is told, as JSON: the very type that it reads."""
    return VectorSchema(
        host=host,
        port=port,
        database=section.database,
        credentials_dir=CREDENTIALS_DIR,
        collections=[Collection(**collection.model_dump(include=set(FIELDS))) for collection in section.collections],
        tenants=[TenantLogin(login=login.role, credentials_dir=f"{LOGINS_DIR}/{login.tenant}") for login in logins],
    ).model_dump_json(indent=2)


def job_name(section: VectorStoreSection, image: str, logins: Sequence[Login] = ()) -> str:
    """Name of the Job: the same for the same content."""
    content = json.dumps([to_props(section), image, [asdict(login) for login in logins]], sort_keys=True)
    return f"{APP}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def job_pod(
    image: pulumi.Input[str],
    credentials: str,
    *,
    name: str = APP,
    priority_class: str | None = None,
    logins: Sequence[Login] = (),
) -> core.v1.PodSpecArgs:
    """The Job's pod.

    Args:
        image: plinth-runtime, by digest.
        credentials: Kubernetes Secret with `username` and `password`.
        name: ConfigMap and ServiceAccount beside it.
        priority_class: absent in a tenant's namespace.
        logins: logins that it makes.
    """
    container = core.v1.ContainerArgs(
        name=APP,
        image=image,
        command=["plinth-runtime", APP, "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
        security_context=pods.container_security(),
        resources=pods.resources(cpu="50m", memory="128Mi", cpu_limit="500m"),
        volume_mounts=[
            _mount("config", CONFIG_DIR),
            _mount("credentials", CREDENTIALS_DIR),
            *(_mount(login.secret, f"{LOGINS_DIR}/{login.tenant}") for login in logins),
        ],
    )
    return core.v1.PodSpecArgs(
        restart_policy="OnFailure",
        service_account_name=name,
        automount_service_account_token=False,
        priority_class_name=priority_class,
        security_context=pods.pod_security(),
        containers=[container],
        volumes=[
            core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=name)),
            core.v1.VolumeArgs(name="credentials", secret=core.v1.SecretVolumeSourceArgs(secret_name=credentials)),
            *(
                core.v1.VolumeArgs(name=login.secret, secret=core.v1.SecretVolumeSourceArgs(secret_name=login.secret))
                for login in logins
            ),
        ],
    )


def database_wall(matching: dict[str, str] | None = None, *, within: str) -> networking.v1.NetworkPolicySpecArgs:
    """The Job, or the pods that `matching` chooses, reach names and databases, and nothing reaches them.

    `within` is the network that databases are in.
    """
    database = pods.allow_addresses(within, PORT)
    return networking.v1.NetworkPolicySpecArgs(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=matching or pods.selector(COMPONENT, APP)),
        policy_types=["Ingress", "Egress"],
        egress=[pods.allow_dns(), database],
    )


def _mount(name: str, path: str) -> core.v1.VolumeMountArgs:
    return core.v1.VolumeMountArgs(name=name, mount_path=path, read_only=True)
