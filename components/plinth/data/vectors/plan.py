"""Which vector stores an environment has beside PostgreSQL, and who may reach them. Pure."""

from plinth.spec.network import EndpointService
from plinth.spec.vectors import AnyEngine, PgVectorStore, VectorCollection, VectorStore, engines
from plinth_runtime.vectors.config import NO_LEXICAL, Collection

APP = "vector-collections"
"""Name of the Job that makes collections, and of its service account."""

COMPONENT = "vector-collections"

IN_AWS = ("s3_vectors", "opensearch")
"""Engines that are called with a pod's own AWS identity."""

ENDPOINTS: dict[str, EndpointService] = {"s3_vectors": "s3vectors"}
"""AWS services that engines are reached through, by `kind`; OpenSearch has addresses of its own in the VPC."""


def beside_postgres(section: VectorStore) -> dict[str, AnyEngine]:
    """The engines that are not PostgreSQL, by the name of their store."""
    return {name: engine for name, engine in engines(section).items() if not isinstance(engine, PgVectorStore)}


def in_postgres(section: VectorStore) -> str | None:
    """Name of the store that PostgreSQL keeps; None where there is none."""
    found = [name for name, engine in engines(section).items() if isinstance(engine, PgVectorStore)]
    return found[0] if found else None


def outside(section: VectorStore) -> bool:
    """Whether an engine is somebody else's, on the internet."""
    return any(engine.kind == "pinecone" for engine in engines(section).values())


def endpoint_services(section: VectorStore) -> list[EndpointService]:
    """AWS services that need an interface endpoint, so that vectors stay inside the VPC."""
    kinds = {engine.kind for engine in engines(section).values()}
    return [service for kind, service in ENDPOINTS.items() if kind in kinds]


def collection(section: VectorCollection, kind: str) -> Collection:
    """A collection as the runtime knows it."""
    return Collection(
        name=section.name,
        dimensions=section.dimensions,
        distance=section.distance,
        lexical=kind not in NO_LEXICAL,
        hnsw_m=section.hnsw_m,
        hnsw_ef_construction=section.hnsw_ef_construction,
    )
