"""Databases of tenants: made by a Job, signed in to with their pods' IAM roles."""

import hashlib
import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes import batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component, to_props
from plinth.data.postgres import PORT, Postgres
from plinth.data.vector_job import database_wall
from plinth.security import documents
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.spec.environment import Environment
from plinth.spec.postgres import Database
from plinth.tenancy.store_access import StoreGrants
from plinth_runtime.postgres.config import (
    DatabaseLogins,
    IamLogin,
    OwnedDatabase,
    PasswordLogin,
    PostgresEndpoint,
)

APP = "postgres-logins"
COMPONENT = "databases"
CREDENTIALS = "postgres-admin"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/databases", "logins.json"
CREDENTIALS_DIR = "/etc/plinth/postgres"
FIRST_DATABASE = "postgres"
"""Exists in every cluster."""


def login(tenant: str) -> str:
    """PostgreSQL role that a tenant's pods sign in as. Tenants' names have no underscore, so none collide."""
    return f"app_{tenant.replace('-', '_')}"


def logins_config(sections: Sequence[Database], host: str, port: int) -> str:
    """What the Job is told, as JSON: the very type that it reads."""
    endpoint = PostgresEndpoint(
        host=host, port=port, database=FIRST_DATABASE, login=PasswordLogin(credentials_dir=CREDENTIALS_DIR)
    )
    owned = [
        OwnedDatabase(name=section.name, owner=login(section.tenant), readers=[login(name) for name in section.readers])
        for section in sections
    ]
    return DatabaseLogins(endpoint=endpoint, databases=owned).model_dump_json(indent=2)


def job_name(sections: Sequence[Database], image: str) -> str:
    """Name of the Job: the same for the same content."""
    content = json.dumps([to_props(list(sections)), image], sort_keys=True)
    return f"{APP}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def used_by(sections: Sequence[Database], tenant: str) -> list[Database]:
    """Databases that a tenant owns or reads."""
    return [section for section in sections if tenant in (section.tenant, *section.readers)]


def grants(sections: Sequence[Database], tenant: str, postgres: Postgres, region: str) -> StoreGrants:
    """What a tenant's pods need to sign in to its databases; nothing where it has none."""
    used = used_by(sections, tenant)
    if not used:
        return StoreGrants()

    def endpoint(section: Database) -> pulumi.Output[str]:
        def text(place: Sequence[object]) -> str:
            return PostgresEndpoint(
                host=str(place[0]),
                reader_host=str(place[1]),
                port=int(str(place[2])),
                database=section.name,
                login=IamLogin(user=login(tenant), region=region),
            ).model_dump_json(indent=2)

        return pulumi.Output.all(postgres.endpoint, postgres.reader_endpoint, postgres.port).apply(text)

    return StoreGrants(
        policies={"databases": pulumi.Output.json_dumps(postgres.connect_policy(login(tenant)))},
        ports=(PORT,),
        endpoints={f"postgres-{section.name.strip('_').replace('_', '-')}.json": endpoint(section) for section in used},
    )


class Databases(Component):
    """Databases of tenants in the platform's PostgreSQL, kept by a Job whose name carries a hash of what it is told."""

    def __init__(
        self,
        name: str,
        sections: Sequence[Database],
        *,
        environment: Environment,
        postgres: Postgres,
        namespace: pulumi.Input[str],
        bridge: SecretsBridge,
        runtime_image: str,
        databases_cidr: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Databases", name, {"databases": list(sections)}, environment=environment, opts=opts)
        self._prefix, self._namespace = name, namespace
        self._labels = pods.labels(COMPONENT, APP)
        config = core.v1.ConfigMap(
            f"{name}-logins",
            metadata=self._metadata(APP),
            data={
                CONFIG_FILE: pulumi.Output.all(postgres.endpoint, postgres.port).apply(
                    lambda place: logins_config(sections, str(place[0]), int(place[1]))
                )
            },
            opts=self.options(core.v1.ConfigMap),
        )
        credentials = self._credentials(environment, postgres, bridge)
        wall = networking.v1.NetworkPolicy(
            f"{name}-wall",
            metadata=self._metadata(APP),
            spec=database_wall(pods.selector(COMPONENT, APP), within=databases_cidr),
            opts=self.options(networking.v1.NetworkPolicy),
        )
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        batch.v1.Job(
            f"{name}-job",
            metadata=self._metadata(job_name(sections, runtime_image)),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=6,
                ttl_seconds_after_finished=24 * 3600,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels), spec=_pod(runtime_image)
                ),
            ),
            opts=self.options(batch.v1.Job, depends_on=[config, credentials, wall, account, *postgres.ready]),
        )
        self.register_outputs({"databases": [section.name for section in sections]})

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=self._labels)

    def _credentials(self, environment: Environment, postgres: Postgres, bridge: SecretsBridge) -> pulumi.Resource:
        """The master user's credentials. RDS names its secret itself, so External Secrets is let in to just that."""
        read = aws.iam.RolePolicy(
            f"{self._prefix}-read-master-secret",
            role=bridge.role_name,
            policy=pulumi.Output.json_dumps(
                documents.read_secrets([postgres.master_secret_arn], postgres.secrets_key_arn, environment.region)
            ),
            opts=self.options(aws.iam.RolePolicy),
        )
        return external_secret(
            f"{self._prefix}-credentials",
            namespace=self._namespace,
            target=CREDENTIALS,
            entries={part: RemoteSecret(postgres.master_secret_arn, part) for part in ("username", "password")},
            store_name=bridge.store_name,
            opts=self.options(k8s.apiextensions.CustomResource, depends_on=[read]),
        )


def _pod(image: str) -> core.v1.PodSpecArgs:
    files = {"config": CONFIG_DIR, "credentials": CREDENTIALS_DIR}
    container = core.v1.ContainerArgs(
        name=APP,
        image=image,
        command=["plinth-runtime", APP, "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
        security_context=pods.container_security(),
        resources=pods.resources(cpu="50m", memory="128Mi", cpu_limit="500m"),
        volume_mounts=[
            core.v1.VolumeMountArgs(name=name, mount_path=path, read_only=True) for name, path in files.items()
        ],
    )
    return core.v1.PodSpecArgs(
        restart_policy="OnFailure",
        service_account_name=APP,
        automount_service_account_token=False,
        priority_class_name=naming.SYSTEM_PRIORITY,
        security_context=pods.pod_security(),
        containers=[container],
        volumes=[
            core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=APP)),
            core.v1.VolumeArgs(name="credentials", secret=core.v1.SecretVolumeSourceArgs(secret_name=CREDENTIALS)),
        ],
    )
