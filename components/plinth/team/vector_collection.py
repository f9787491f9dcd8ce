"""A collection of vectors of a tenant's own."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import batch, core, meta, networking

from plinth import pods
from plinth.base import Component
from plinth.contract import PlatformContract, PlatformReference, VectorFacts
from plinth.data import vector_job
from plinth.security.secrets import RemoteSecret, external_secret
from plinth.spec.checks.vectors import misfits
from plinth.spec.environment import Environment
from plinth.spec.vectors import PgVectorStore
from plinth.spec.vectors import VectorCollection as VectorCollectionSection
from plinth.tenancy.plan import TENANT_LABEL

READER_LABEL = "plinth.dev/vectors"
"""Label, value `true`, of the tenant's pods that may reach the vector store."""


class VectorCollection(Component):
    """A table in the tenant's own schema of the vector store, kept in shape by a Job in the tenant's namespace.

    The Job signs in as the tenant, so that it can do no more than the team itself.
    """

    table: pulumi.Output[str]
    """Schema and table; known once the Job was started."""

    def __init__(
        self,
        name: str,
        section: VectorCollectionSection,
        *,
        environment: Environment,
        tenant: str,
        platform: PlatformReference,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorCollection", name, section, environment=environment, opts=opts)
        self._tenant, self._platform = tenant, platform
        self._namespace = platform.tenant(tenant, lambda facts: facts.namespace)
        self._object = f"vectors-{section.name.strip('_').replace('_', '-')}"

        config = core.v1.ConfigMap(
            f"{name}-schema",
            metadata=self._metadata(self._object),
            data={vector_job.CONFIG_FILE: platform.get(lambda contract: _schema(section, contract))},
            opts=self.options(core.v1.ConfigMap),
        )
        credentials = self._credentials(name)
        walls = self._walls(name)
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(self._object),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        job = batch.v1.Job(
            f"{name}-job",
            metadata=self._metadata(platform.get(lambda contract: _job_name(self._object, section, contract))),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=6,
                ttl_seconds_after_finished=24 * 3600,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels={**self._labels(), READER_LABEL: "true"}),
                    spec=vector_job.job_pod(
                        platform.get(lambda contract: contract.runtime_image), self._object, name=self._object
                    ),
                ),
            ),
            opts=self.options(batch.v1.Job, depends_on=[config, credentials, account, walls]),
        )
        schema = platform.tenant(tenant, lambda facts: facts.vectors_schema)
        self.table = pulumi.Output.all(schema, job.id).apply(lambda parts: f"{parts[0]}.{section.name}")
        self.register_outputs({"table": self.table})

    def _labels(self) -> dict[str, str]:
        return {**pods.labels(vector_job.COMPONENT, self._object), TENANT_LABEL: self._tenant}

    def _metadata(self, name: pulumi.Input[str]) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=self._labels())

    def _credentials(self, name: str) -> pulumi.Resource:
        """The tenant's login, through the tenant's own secret store."""
        login = self._platform.tenant(self._tenant, lambda facts: facts.vectors_stored_as)
        return external_secret(
            f"{name}-credentials",
            namespace=self._namespace,
            target=self._object,
            entries={part: RemoteSecret(login, part) for part in ("username", "password")},
            store_name=self._platform.tenant(self._tenant, lambda facts: facts.secret_store),
            opts=self.options(k8s.apiextensions.CustomResource),
        )

    def _walls(self, name: str) -> pulumi.Resource:
        """The Job, and whatever of the team carries the label, reaches the database."""
        return networking.v1.NetworkPolicy(
            f"{name}-wall",
            metadata=self._metadata(self._object),
            spec=vector_job.database_wall({READER_LABEL: "true"}, within="0.0.0.0/0"),
            opts=self.options(networking.v1.NetworkPolicy),
        )


def _schema(section: VectorCollectionSection, contract: PlatformContract) -> str:
    facts = _facts(section, contract)
    return vector_job.schema_config(_store(section, facts), facts.host, facts.port)


def _job_name(prefix: str, section: VectorCollectionSection, contract: PlatformContract) -> str:
    store = _store(section, _facts(section, contract))
    digest = vector_job.job_name(store, contract.runtime_image).rpartition("-")[2]
    return f"{prefix[:50].rstrip('-')}-{digest}"


def _store(section: VectorCollectionSection, facts: VectorFacts) -> PgVectorStore:
    return PgVectorStore(database=facts.database, collections=[section])


def _facts(section: VectorCollectionSection, contract: PlatformContract) -> VectorFacts:
    """Where PostgreSQL keeps vectors.

    Raises:
        pulumi.RunError: the platform keeps none there, or the collection is more than it takes.
    """
    if contract.vector is None:
        stores = ", ".join(sorted(contract.vector_stores)) or "none"
        raise pulumi.RunError(
            f"collection {section.name!r}: the platform keeps no vectors in PostgreSQL;"
            f" name one of its stores: {stores}"
        )
    for field, value, allowed in misfits(section, "pgvector"):
        raise pulumi.RunError(f"collection {section.name!r}: {field} {value!r} is not allowed: {allowed}")
    return contract.vector
