"""Where vectors rest: one engine, or a hybrid of several that splits the collections."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Tag

from plinth.spec.base import Model, Name
from plinth.spec.vector_collections import LIMITS, Distance, Limits, SqlName, Use, VectorCollection
from plinth.spec.vector_engines import (
    ClusterEngine,
    Engine,
    OpenSearchStore,
    PgVectorStore,
    PineconeStore,
    QdrantStore,
    S3VectorStore,
)

__all__ = [
    "LIMITS",
    "MAIN",
    "AnyEngine",
    "ClusterEngine",
    "Distance",
    "Engine",
    "HybridStore",
    "Limits",
    "OpenSearchStore",
    "PgVectorStore",
    "PineconeStore",
    "QdrantStore",
    "S3VectorStore",
    "SqlName",
    "Use",
    "VectorCollection",
    "VectorStore",
    "engines",
    "kept_in",
    "placement",
]

MAIN = "main"
"""Name of the store where there is only one."""

AnyEngine = Annotated[
    PgVectorStore | S3VectorStore | OpenSearchStore | QdrantStore | PineconeStore, Field(discriminator="kind")
]
"""One engine, told apart by `kind`."""


class HybridStore(Model):
    """Several engines; each keeps the collections of some uses."""

    kind: Literal["hybrid"]
    """Several engines."""

    stores: Annotated[dict[Name, AnyEngine], Field(min_length=2)]
    """The engines, by names of your own."""

    uses: dict[Use, Name]
    """Which of them keeps the collections of each use."""

    collections: list[VectorCollection] = []
    """Collections that the platform provides; team stacks add their own."""


def kind(value: object) -> str:
    """Tag of a section: one without `kind` is pgvector's, which was the first engine."""
    given = cast(Mapping[str, Any], value).get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    return str(given or "pgvector")


VectorStore = Annotated[
    Annotated[PgVectorStore, Tag("pgvector")]
    | Annotated[S3VectorStore, Tag("s3_vectors")]
    | Annotated[OpenSearchStore, Tag("opensearch")]
    | Annotated[QdrantStore, Tag("qdrant")]
    | Annotated[PineconeStore, Tag("pinecone")]
    | Annotated[HybridStore, Tag("hybrid")],
    Discriminator(kind),
]
"""Where vectors are: one engine, or a hybrid of several, told apart by `kind`."""


def engines(section: VectorStore) -> dict[str, AnyEngine]:
    """The engines of a section by name."""
    return dict(section.stores) if isinstance(section, HybridStore) else {MAIN: section}


def placement(section: VectorStore, collection: VectorCollection) -> str | None:
    """Name of the engine that keeps a collection; None where the section does not say."""
    if isinstance(section, HybridStore):
        return collection.store or section.uses.get(collection.use)
    return MAIN


def kept_in(section: VectorStore, store: str) -> list[VectorCollection]:
    """The platform's collections that an engine keeps."""
    return [collection for collection in section.collections if placement(section, collection) == store]
