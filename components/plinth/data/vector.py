"""The vector store."""

import hashlib
import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes import batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component, to_props
from plinth.data.postgres import PORT, Postgres
from plinth.security import documents
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.spec.data import VectorStore as VectorStoreSection
from plinth.spec.environment import Environment
from plinth_runtime.vector_schema import Collection, VectorSchema

APP = "vector-schema"
CREDENTIALS = "vector-store-admin"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/vector", "schema.json"
CREDENTIALS_DIR = "/etc/plinth/postgres"


@dataclass(frozen=True)
class VectorEndpoint:
    """Where vectors are, whatever engine keeps them."""

    kind: str
    """Engine, for example `pgvector`."""

    host: pulumi.Output[str]
    """Host name."""

    port: pulumi.Output[int]
    """TCP port."""

    database: str
    """Database."""

    secret_arn: pulumi.Output[str]
    """Secrets Manager secret with username and password."""

    collections: list[str]
    """Collections that exist."""


class VectorStore(Component):
    """Collections of vectors in the platform's PostgreSQL, kept in shape by a Job.

    The Job's name carries a hash of what it is told and of its image: a change makes a new Job, no change none.
    """

    endpoint: VectorEndpoint
    """Where the vectors are."""

    def __init__(
        self,
        name: str,
        section: VectorStoreSection,
        *,
        environment: Environment,
        postgres: Postgres,
        namespace: pulumi.Input[str],
        bridge: SecretsBridge,
        runtime_image: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorStore", name, section, environment=environment, opts=opts)
        self._prefix = name
        self._namespace = namespace
        self._labels = pods.labels("vector-store", APP)

        schema = pulumi.Output.all(postgres.endpoint, postgres.port).apply(
            lambda place: schema_config(section, str(place[0]), int(place[1]))
        )
        config = core.v1.ConfigMap(
            f"{name}-schema",
            metadata=self._metadata(APP),
            data={CONFIG_FILE: schema},
            opts=self.options(core.v1.ConfigMap),
        )
        credentials = self._credentials(environment, postgres, bridge)
        wall = self._wall()
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        job = batch.v1.Job(
            f"{name}-job",
            metadata=self._metadata(job_name(section, runtime_image)),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=6,
                ttl_seconds_after_finished=24 * 3600,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels), spec=_pod(runtime_image)
                ),
            ),
            opts=self.options(
                batch.v1.Job,
                depends_on=[config, credentials, wall, account, *postgres.ready],
            ),
        )
        host = pulumi.Output.all(postgres.endpoint, job.id).apply(lambda parts: str(parts[0]))
        self.endpoint = VectorEndpoint(
            kind=section.kind,
            host=host,
            port=postgres.port,
            database=section.database,
            secret_arn=postgres.master_secret_arn,
            collections=[collection.name for collection in section.collections],
        )
        self.register_outputs({"kind": section.kind, "host": host, "port": postgres.port, "database": section.database})

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

    def _wall(self) -> pulumi.Resource:
        """The Job reaches names and the database, and nothing reaches it."""
        database = networking.v1.NetworkPolicyEgressRuleArgs(ports=pods.ports(PORT))
        return networking.v1.NetworkPolicy(
            f"{self._prefix}-wall",
            metadata=self._metadata(APP),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector("vector-store", APP)),
                policy_types=["Ingress", "Egress"],
                egress=[pods.allow_dns(), database],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )


def schema_config(section: VectorStoreSection, host: str, port: int) -> str:
    """What the Job is told, as JSON: the very type that it reads."""
    return VectorSchema(
        host=host,
        port=port,
        database=section.database,
        credentials_dir=CREDENTIALS_DIR,
        collections=[Collection(**collection.model_dump()) for collection in section.collections],
    ).model_dump_json(indent=2)


def job_name(section: VectorStoreSection, image: str) -> str:
    """Name of the Job: the same for the same content."""
    content = json.dumps([to_props(section), image], sort_keys=True)
    return f"{APP}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def _pod(image: str) -> core.v1.PodSpecArgs:
    container = core.v1.ContainerArgs(
        name=APP,
        image=image,
        command=["plinth-runtime", APP, "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
        security_context=pods.container_security(),
        resources=pods.resources(cpu="50m", memory="128Mi", cpu_limit="500m"),
        volume_mounts=[
            core.v1.VolumeMountArgs(name="config", mount_path=CONFIG_DIR, read_only=True),
            core.v1.VolumeMountArgs(name="credentials", mount_path=CREDENTIALS_DIR, read_only=True),
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
