"""Where vectors rest."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, matches

SqlName = Annotated[
    str, matches(r"^[a-z_][a-z0-9_]{0,62}$", "a PostgreSQL name: lower-case letters, digits and underscores")
]
"""A PostgreSQL identifier in lower case."""


class VectorCollection(Model):
    """A table of vectors with one approximate-nearest-neighbor index."""

    name: SqlName
    """Name of the collection."""

    dimensions: Annotated[int, Field(ge=1, le=2000)]
    """Length of each vector; pgvector indexes at most 2,000 dimensions of 32-bit floats."""

    distance: Literal["cosine", "l2", "inner_product"] = "cosine"
    """How nearness is measured."""

    hnsw_m: Annotated[int, Field(ge=4, le=64)] = 16
    """HNSW links per node: more is more precise, larger and slower to build."""

    hnsw_ef_construction: Annotated[int, Field(ge=8, le=512)] = 64
    """HNSW candidates considered while building."""


class PgVectorStore(Model):
    """Vectors in the platform's PostgreSQL, through the pgvector extension."""

    kind: Literal["pgvector"] = "pgvector"
    """Engine of the vector store."""

    database: SqlName = "vectors"
    """Database in the platform's Aurora cluster."""

    collections: list[VectorCollection] = []
    """Collections that the platform provides; team stacks add their own."""


VectorStore = PgVectorStore
"""The engines a vector store can have, told apart by `kind`. Further engines join as a tagged union."""
