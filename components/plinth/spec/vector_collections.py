"""Collections of vectors, and what each engine can do with them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, Name, matches

SqlName = Annotated[
    str, matches(r"^[a-z_][a-z0-9_]{0,62}$", "a PostgreSQL name: lower-case letters, digits and underscores")
]
"""A PostgreSQL identifier in lower case."""

Distance = Literal["cosine", "l2", "inner_product"]
"""How nearness is measured."""

Use = Literal["interactive", "bulk", "archive"]
"""interactive: somebody waits for the answer; bulk: large, searched by programs; archive: kept, seldom searched."""


class VectorCollection(Model):
    """Vectors of one kind, with one approximate-nearest-neighbor index."""

    name: SqlName
    """Name of the collection."""

    dimensions: Annotated[int, Field(ge=1, le=16_000)]
    """Length of each vector, in 32-bit floats. Engines take less: pgvector 2,000, S3 Vectors 4,096."""

    distance: Distance = "cosine"
    """How nearness is measured."""

    hnsw_m: Annotated[int, Field(ge=4, le=64)] = 16
    """HNSW links per node: more is more precise, larger and slower to build."""

    hnsw_ef_construction: Annotated[int, Field(ge=8, le=512)] = 64
    """HNSW candidates considered while building."""

    use: Use = "interactive"
    """What it is for: a hybrid store keeps it where its `uses` say."""

    store: Name | None = None
    """The store of a hybrid that keeps it, whatever its use. Absent: the one for its use. In a team's stack: the
    platform's store that is to keep it; absent: PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine takes."""

    name: str
    """The engine, for a person."""
    dimensions: int
    """Longest vector that it indexes."""
    source: str
    distances: tuple[Distance, ...] = ("cosine", "l2", "inner_product")
    hnsw: bool = True
    """Whether the HNSW parameters of a collection are used."""
    indexes: int | None = None
    """Most indexes of one store, where each tenant has one of its own for each collection."""


LIMITS: dict[str, Limits] = {
    "pgvector": Limits("pgvector", 2000, "pgvector's README, HNSW on the type `vector`"),
    "s3_vectors": Limits(
        "S3 Vectors",
        4096,
        "Amazon S3 user guide, Limitations and restrictions of S3 Vectors, as of 2026-11",
        distances=("cosine", "l2"),
        hnsw=False,
        indexes=10_000,
    ),
    "qdrant": Limits("Qdrant", 16_000, "Qdrant documentation, Collections: at most 65,536; the runtime takes 16,000"),
    "pinecone": Limits(
        "Pinecone",
        16_000,
        "Pinecone documentation, Database limits: at most 20,000 dimensions; the runtime takes 16,000; as of 2026-11",
        hnsw=False,
    ),
    "opensearch": Limits("OpenSearch", 16_000, "OpenSearch documentation, k-NN vector: dimension"),
}
"""Limits of each engine by `kind`."""
