"""Where vectors rest: PostgreSQL, and the engines beside it."""

from dataclasses import dataclass, field

import pulumi

from plinth import naming
from plinth.data.postgres import Postgres
from plinth.data.vector import VectorStore
from plinth.data.vectors import cluster_plan, plan, search_plan, walls
from plinth.data.vectors import s3 as s3_vectors
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.data.vectors.collections import VectorCollectionsJob
from plinth.data.vectors.declared import DeclaredCollections
from plinth.data.vectors.pinecone import PineconeStore
from plinth.data.vectors.qdrant import QdrantStore
from plinth.data.vectors.s3 import S3VectorStore
from plinth.data.vectors.search import OpenSearchStore
from plinth.data.vectors.tls import StoreAuthority
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.security.documents import Document
from plinth.security.identity import WorkloadIdentity
from plinth.security.secrets import SecretCopies
from plinth.spec import PlatformSpec
from plinth.spec import vectors as section
from plinth.spec.vectors import AnyEngine, PgVectorStore

NAME = "vector"
"""Logical name of the store in PostgreSQL; the others' start with it."""


@dataclass(frozen=True)
class Vectors:
    """The vector stores of an environment."""

    postgres: VectorStore | None
    """The one in PostgreSQL; None where there is none."""
    beside: dict[str, BuiltStore] = field(default_factory=dict[str, BuiltStore])
    """The others, by name."""


def vectors(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    postgres: Postgres,
    copies: SecretCopies | None = None,
) -> Vectors:
    """Every vector store, and the Jobs that make collections in them.

    Args:
        spec: the environment.
        below: the foundation.
        on: the cluster.
        postgres: where one of them may be.
        copies: the second region, which gets copies of tenants' logins at PostgreSQL.
    """
    platform = VectorPlatform(
        network=below.network,
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        client_security_group_id=on.cluster.security_group_id,
        bridge=on.bridge,
        data_key_arn=below.keys.arn["data"],
        secrets_key_arn=below.keys.arn["secrets"],
        log_key_arn=below.keys.arn["logs"],
        storage_class=on.base.storage_class_name,
        runtime_image=spec.gateway.image,
    )
    in_postgres = _in_postgres(spec, on, postgres, copies)
    engines = plan.beside_postgres(spec.vector)
    if not engines:
        return Vectors(in_postgres)
    identity, issuer = _identity(spec, on, platform), _issuer(spec, on)
    built = [_store(spec, on, platform, name, engine, identity, issuer) for name, engine in engines.items()]
    tenants = [tenant.name for tenant in spec.tenants]
    job = VectorCollectionsJob(
        f"{NAME}-collections",
        spec.vector,
        environment=spec.environment,
        stores=built,
        identity=identity,
        tenants=tenants,
        platform=platform,
        egress=walls.job_egress(spec),
        opts=on.for_workloads(),
    )
    if tenants:
        DeclaredCollections(
            f"{NAME}-declared",
            environment=spec.environment,
            stores=built,
            tenants=tenants,
            platform=platform,
            after=job.ready,
            opts=on.for_workloads(),
        )
    return Vectors(in_postgres, {store.name: store for store in built})


def _in_postgres(
    spec: PlatformSpec, on: ClusterLayer, postgres: Postgres, copies: SecretCopies | None
) -> VectorStore | None:
    store = plan.in_postgres(spec.vector)
    if store is None:
        return None
    engine = section.engines(spec.vector)[store]
    kept = section.kept_in(spec.vector, store)
    database = engine.database if isinstance(engine, PgVectorStore) else ""
    return VectorStore(
        NAME,
        PgVectorStore(database=database, collections=kept),
        environment=spec.environment,
        postgres=postgres,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        bridge=on.bridge,
        runtime_image=spec.gateway.image,
        databases_cidr=spec.network.node_cidr,
        tenants=[tenant.name for tenant in spec.tenants],
        copies=copies,
        opts=on.for_workloads(),
    )


def _identity(spec: PlatformSpec, on: ClusterLayer, platform: VectorPlatform) -> WorkloadIdentity | None:
    """The Job's AWS identity; None where no engine is AWS's."""
    environment, policies = spec.environment, dict[str, pulumi.Input[Document]]()
    for name, engine in plan.beside_postgres(spec.vector).items():
        if engine.kind == "s3_vectors":
            bucket = s3_vectors.bucket_arn(environment, name)
            policies[name] = pulumi.Output.from_input(
                s3_vectors.access(bucket, [f"{bucket}/index/*"], platform.data_key_arn, environment.region)
            )
        if engine.kind == "opensearch":
            policies[name] = search_plan.access(environment, name)
    if not policies:
        return None
    return WorkloadIdentity(
        f"{NAME}-collections-identity",
        environment=environment,
        cluster_name=platform.cluster_name,
        namespace=platform.namespace,
        service_account=plan.APP,
        policies=policies,
        opts=on.given.options(),
    )


def _issuer(spec: PlatformSpec, on: ClusterLayer) -> StoreAuthority | None:
    """The authority of the stores on the cluster; None where none is."""
    generations = [engine.certificate_generation for engine in cluster_plan.on_cluster(spec.vector).values()]
    if not generations:
        return None
    return StoreAuthority(
        f"{NAME}-authority", environment=spec.environment, generation=generations[0], opts=on.given.options()
    )


def _store(
    spec: PlatformSpec,
    on: ClusterLayer,
    platform: VectorPlatform,
    name: str,
    engine: AnyEngine,
    identity: WorkloadIdentity | None,
    issuer: StoreAuthority | None,
) -> BuiltStore:
    """One store that is not PostgreSQL's."""
    logical, environment = f"{NAME}-{name}", spec.environment
    if isinstance(engine, section.S3VectorStore):
        made = S3VectorStore(
            logical, engine, environment=environment, store=name, platform=platform, opts=on.given.options()
        )
        return made.store
    if isinstance(engine, section.OpenSearchStore) and identity:
        # The role belongs to the account: the environment's own region makes it.
        elsewhere = {} if on.given.home else {"service_linked_role": "existing"}
        domain = OpenSearchStore(
            logical,
            engine.model_copy(update=elsewhere),
            environment=environment,
            store=name,
            admin_role_arn=identity.role_arn,
            platform=platform,
            opts=on.given.options(),
        )
        return domain.store
    if isinstance(engine, section.PineconeStore):
        project = PineconeStore(
            logical, engine, environment=environment, store=name, platform=platform, opts=on.given.options()
        )
        return project.store
    if isinstance(engine, section.QdrantStore) and issuer:
        qdrant = QdrantStore(
            logical,
            engine,
            environment=environment,
            store=name,
            issuer=issuer,
            platform=platform,
            opts=on.for_workloads(),
        )
        return qdrant.store
    raise AssertionError(f"no component builds a store of kind {engine.kind}")
