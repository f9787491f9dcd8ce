"""The vector store."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes import batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.data.postgres import Postgres
from plinth.data.vector_job import APP, CREDENTIALS, database_wall, job_name, job_pod, schema_config
from plinth.data.vector_logins import tenant_logins
from plinth.data.vectors.built import BuiltStore
from plinth.security import documents
from plinth.security.secrets import RemoteSecret, SecretCopies, SecretsBridge, external_secret
from plinth.spec.environment import Environment
from plinth.spec.vectors import PgVectorStore as VectorStoreSection
from plinth_runtime.vectors.config import PgVectorEndpoint

__all__ = ["VectorEndpoint", "VectorStore", "job_name", "schema_config"]


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

    store: BuiltStore
    """The store, as all engines describe themselves."""

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
        databases_cidr: str,
        tenants: Sequence[str] = (),
        copies: SecretCopies | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorStore", name, section, environment=environment, opts=opts)
        self._prefix = name
        self._namespace, self._databases_cidr = namespace, databases_cidr
        self._labels = pods.labels("vector-store", APP)

        shaped: list[batch.v1.Job] = []
        if postgres.leads:
            shaped = [self._shape(section, environment, postgres, bridge, runtime_image, tenants, copies)]
        host = pulumi.Output.all(postgres.endpoint, *(job.id for job in shaped)).apply(lambda parts: str(parts[0]))
        self.endpoint = VectorEndpoint(
            kind=section.kind,
            host=host,
            port=postgres.port,
            database=section.database,
            secret_arn=postgres.master_secret_arn,
            collections=[collection.name for collection in section.collections],
        )
        self.store = BuiltStore(
            name=section.kind,
            endpoint=pulumi.Output.all(host, postgres.port).apply(
                lambda place: PgVectorEndpoint(
                    kind="pgvector", host=str(place[0]), port=int(place[1]), database=section.database
                )
            ),
            ready=shaped,
        )
        self.register_outputs({"kind": section.kind, "host": host, "port": postgres.port, "database": section.database})

    def _shape(
        self,
        section: VectorStoreSection,
        environment: Environment,
        postgres: Postgres,
        bridge: SecretsBridge,
        runtime_image: str,
        tenants: Sequence[str],
        copies: SecretCopies | None,
    ) -> batch.v1.Job:
        """The Job, what it is told and what it may do. A cluster that follows another gets it all with its data."""
        logins, passwords = tenant_logins(
            self,
            self._prefix,
            tenants,
            environment=environment,
            namespace=self._namespace,
            store_name=bridge.store_name,
            key_arn=postgres.secrets_key_arn,
            copies=copies,
        )
        schema = pulumi.Output.all(postgres.endpoint, postgres.port).apply(
            lambda place: schema_config(section, str(place[0]), int(place[1]), logins)
        )
        config = core.v1.ConfigMap(
            f"{self._prefix}-schema",
            metadata=self._metadata(APP),
            data={"schema.json": schema},
            opts=self.options(core.v1.ConfigMap),
        )
        credentials = self._credentials(environment, postgres, bridge)
        wall = self._wall()
        account = core.v1.ServiceAccount(
            f"{self._prefix}-account",
            metadata=self._metadata(APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        return batch.v1.Job(
            f"{self._prefix}-job",
            metadata=self._metadata(job_name(section, runtime_image, logins)),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=6,
                ttl_seconds_after_finished=24 * 3600,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels),
                    spec=job_pod(runtime_image, CREDENTIALS, priority_class=naming.SYSTEM_PRIORITY, logins=logins),
                ),
            ),
            opts=self.options(
                batch.v1.Job,
                depends_on=[config, credentials, *passwords, wall, account, *postgres.ready],
            ),
        )

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
        return networking.v1.NetworkPolicy(
            f"{self._prefix}-wall",
            metadata=self._metadata(APP),
            spec=database_wall(within=self._databases_cidr),
            opts=self.options(networking.v1.NetworkPolicy),
        )
