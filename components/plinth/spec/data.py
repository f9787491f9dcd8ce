"""Where data rests: buckets, PostgreSQL and the cache. Vector stores are in `plinth.spec.vectors`."""

from plinth.spec.cache import Cache, NodeType
from plinth.spec.postgres import Database, Postgres
from plinth.spec.storage import Bucket, Storage
from plinth.spec.vectors import PgVectorStore, SqlName, VectorCollection, VectorStore

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
