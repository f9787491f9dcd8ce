"""Where data rests: buckets, PostgreSQL, the cache and the vector store."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model
from plinth.spec.cache import Cache, NodeType
from plinth.spec.postgres import Database, Postgres, SqlName
from plinth.spec.storage import Bucket, Storage

__all__ = [
    "Bucket",
    "Cache",
    "Database",
    "NodeType",
    "PgVectorStore",
    "Postgres",
    "SqlName",
    "Storage",
    "VectorCollection",
    "VectorStore",
]


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
