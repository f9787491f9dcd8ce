"""The CronJob that makes the collections that tenants declare in stores beside PostgreSQL."""

import re
from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import batch, core, meta

from plinth import naming, pods
from plinth.base import Component
from plinth.data.vectors import plan
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.data.vectors.job_pod import job_pod
from plinth.kinds.external_secrets import (
    EntrySource,
    ExternalSecret,
    Find,
    FindName,
    RegexpRewrite,
    Rewrite,
    StoreRef,
    Target,
)
from plinth.spec.environment import Environment
from plinth_runtime.vector_declared import DeclaredStores
from plinth_runtime.vectors.config import VectorEndpoint

APP = "vector-declared"
DOCUMENTS = "vector-declared-documents"
CONFIG_FILE = "stores.json"
MINUTES = 5
"""How often tenants' documents are looked at."""


class DeclaredCollections(Component):
    """Reads tenants' documents every few minutes and makes what they ask for, with the rights of the platform's Job.

    A document names neither tenant nor credentials: whose it is follows from the folder in Secrets Manager that only
    that tenant's stacks can write to.
    """

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        stores: Sequence[BuiltStore],
        tenants: Sequence[str],
        platform: VectorPlatform,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        section = {"stores": [store.name for store in stores], "tenants": list(tenants), "minutes": MINUTES}
        super().__init__("DeclaredCollections", name, section, environment=environment, opts=opts)
        self._namespace = platform.namespace
        config = core.v1.ConfigMap(
            f"{name}-config",
            metadata=self._metadata(),
            data={CONFIG_FILE: declared_config(stores, tenants)},
            opts=self.options(core.v1.ConfigMap),
        )
        documents = self._documents(name, platform)
        secrets = {folder: secret for store in stores for folder, secret in store.secrets.items()}
        pod = job_pod(
            platform.runtime_image,
            APP,
            command="vector-declared",
            config_file=CONFIG_FILE,
            secrets=secrets,
            documents=(DeclaredStores.model_fields["directory"].default, DOCUMENTS),
        )
        batch.v1.CronJob(
            f"{name}-job",
            metadata=self._metadata(),
            spec=batch.v1.CronJobSpecArgs(
                schedule=f"*/{MINUTES} * * * *",
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=120,
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=1,
                job_template=batch.v1.JobTemplateSpecArgs(
                    spec=batch.v1.JobSpecArgs(
                        backoff_limit=0,
                        active_deadline_seconds=1800,
                        template=core.v1.PodTemplateSpecArgs(
                            metadata=meta.v1.ObjectMetaArgs(labels=pods.labels(plan.COMPONENT, APP)), spec=pod
                        ),
                    )
                ),
            ),
            opts=self.options(batch.v1.CronJob, depends_on=[config, documents, *after]),
        )
        self.register_outputs({"stores": section["stores"]})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=APP, namespace=self._namespace, labels=pods.labels(plan.COMPONENT, APP))

    def _documents(self, name: str, platform: VectorPlatform) -> pulumi.Resource:
        """Tenants' documents as one file each. External Secrets may find them, as it finds tenants' routes."""
        path, pattern = search(self._environment)
        found = EntrySource(
            find=Find(path=path, name=FindName(regexp=pattern)),
            rewrite=[Rewrite(regexp=RegexpRewrite(source=pattern, target="${1}.${2}.json"))],
        )
        return ExternalSecret(
            refresh_interval="1m",
            secret_store_ref=StoreRef(name=platform.bridge.store_name),
            # Without any document there is no Secret, which the mount allows.
            target=Target(name=DOCUMENTS, deletion_policy="Delete"),
            data_from=[found],
        ).register(
            f"{name}-documents",
            name=DOCUMENTS,
            namespace=platform.namespace,
            labels=pods.labels(plan.COMPONENT, APP),
            opts=self.options(k8s.apiextensions.CustomResource),
        )


def search(environment: Environment) -> tuple[str, str]:
    """Start of the names of tenants' documents, and a regular expression (RE2) of the whole names."""
    template = naming.tenant_collection_secret(environment, "TENANT", "NAME")
    pattern = re.escape(template).replace("\\-", "-")
    pattern = pattern.replace("TENANT", "([a-z][a-z0-9-]*)").replace("NAME", "([a-z_][a-z0-9_]*)")
    return template.partition("TENANT")[0], f"^{pattern}$"


def declared_config(stores: Sequence[BuiltStore], tenants: Sequence[str]) -> pulumi.Output[str]:
    """What the CronJob is told, as JSON: the very type that it reads."""

    def render(endpoints: Sequence[VectorEndpoint]) -> str:
        found = dict(zip([store.name for store in stores], endpoints, strict=True))
        return DeclaredStores(stores=found, tenants=list(tenants)).model_dump_json(indent=2)

    return pulumi.Output.all(*(store.endpoint for store in stores)).apply(render)
