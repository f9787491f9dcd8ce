"""The engines that can keep vectors."""

from typing import Literal

from plinth.spec.base import Model
from plinth.spec.vector_collections import SqlName, VectorCollection


class Engine(Model):
    """What every engine's section has."""

    collections: list[VectorCollection] = []
    """Collections that the platform provides; team stacks add their own."""


class PgVectorStore(Engine):
    """Vectors in the platform's PostgreSQL, through the pgvector extension."""

    kind: Literal["pgvector"] = "pgvector"
    """Engine of the vector store."""

    database: SqlName = "vectors"
    """Database in the platform's Aurora cluster."""


class S3VectorStore(Engine):
    """Amazon S3 Vectors: nothing to run, cheap at any size, answers in some 100 milliseconds; no search by words."""

    kind: Literal["s3_vectors"]
    """Engine of the vector store."""
