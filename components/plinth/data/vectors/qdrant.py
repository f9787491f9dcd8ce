"""Qdrant on the cluster."""

import pulumi
import pulumi_random as random
from pulumi_kubernetes import helm, meta, networking

from plinth import naming, pods, versions
from plinth.base import Component
from plinth.data.vectors import cluster_plan as plan
from plinth.data.vectors import qdrant_values as values
from plinth.data.vectors import walls
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.data.vectors.snapshots import Snapshots
from plinth.data.vectors.tls import AUTHORITY_FILE, StoreAuthority, certificate_secret, mounted
from plinth.security.secrets import managed_secret
from plinth.spec.environment import Environment
from plinth.spec.vectors import QdrantStore as QdrantSection
from plinth_runtime.vectors.config import QdrantEndpoint

KIND = "qdrant"


class QdrantStore(Component):
    """A Qdrant cluster: its chart, keys, certificate, walls, what Prometheus reads, and snapshots to S3."""

    store: BuiltStore
    """The store."""

    def __init__(
        self,
        name: str,
        section: QdrantSection,
        *,
        environment: Environment,
        store: str,
        issuer: StoreAuthority,
        platform: VectorPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("QdrantStore", name, section, environment=environment, opts=opts)
        self._name, self._store, self._platform = name, store, platform
        self._keys_secret, self._tls_secret = plan.keys_secret(store), plan.tls_secret(store)
        keys = self._keys()
        certificate = certificate_secret(
            self,
            name,
            plan.hosts(store),
            store=store,
            target=self._tls_secret,
            environment=environment,
            issuer=issuer,
            platform=platform,
        )
        wall = self._wall()
        chart = self._chart(section, [keys, certificate, wall])
        Snapshots(
            f"{name}-snapshots",
            section,
            environment=environment,
            store=store,
            keys=self._keys_secret,
            certificate=self._tls_secret,
            platform=platform,
            after=[chart],
            opts=pulumi.ResourceOptions(parent=self),
        )
        folder = f"{walls.SECRETS_DIR}/{store}"
        endpoint = QdrantEndpoint(
            kind="qdrant",
            url=f"https://{plan.host(store)}:{plan.API_PORTS[KIND]}",
            api_key_file=f"{folder}/keys/{values.API_KEY}",
            ca_file=f"{folder}/tls/{AUTHORITY_FILE}",
            replicas=section.copies,
            shards=section.replicas,
        )
        self.store = BuiltStore(
            name=store,
            endpoint=pulumi.Output.from_input(endpoint),
            ready=[chart],
            secrets={f"{folder}/keys": self._keys_secret, f"{folder}/tls": self._tls_secret},
        )
        self.register_outputs({"url": endpoint.url})

    def _keys(self) -> pulumi.Resource:
        """A key that may do all, and one that may only read."""
        made = {
            field: random.RandomPassword(
                f"{self._name}-{field}", length=48, special=False, opts=self.options(random.RandomPassword)
            ).result
            for field in (values.API_KEY, values.READ_KEY)
        }
        secret_name = naming.vector_secret(self._environment, self._store, "keys")
        written = managed_secret(
            self,
            f"{self._name}-keys",
            environment=self._environment,
            secret_name=secret_name,
            value=pulumi.Output.json_dumps(made),
            key_arn=self._platform.secrets_key_arn,
            description=f"Keys of the vector store {self._store}",
        )
        fields = {field: field for field in made}
        return mounted(self, f"{self._name}-keys", secret_name, written, self._keys_secret, fields, self._platform)

    def _wall(self) -> pulumi.Resource:
        return networking.v1.NetworkPolicy(
            f"{self._name}-wall",
            metadata=self._metadata(plan.release(self._store)),
            spec=walls.engine_wall(self._store, KIND),
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _chart(self, section: QdrantSection, after: list[pulumi.Resource]) -> helm.v3.Release:
        chart = versions.QDRANT
        return helm.v3.Release(
            f"{self._name}-release",
            name=plan.release(self._store),
            namespace=self._platform.namespace,
            chart=chart.name,
            version=chart.version,
            repository_opts=helm.v3.RepositoryOptsArgs(repo=chart.repository),
            values=values.chart_values(
                section,
                self._store,
                keys=self._keys_secret,
                certificate=self._tls_secret,
                storage_class=self._platform.storage_class,
            ),
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=900,
            opts=self.options(helm.v3.Release, depends_on=after),
        )

    def _labels(self) -> dict[str, str]:
        return pods.labels(plan.COMPONENT, plan.release(self._store))

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._platform.namespace, labels=self._labels())
