"""SQL that makes a collection's table and indexes. Pure, and light: Pulumi programs import it with `vector_schema`."""

import hashlib
from collections.abc import Mapping
from typing import Literal, Protocol

Distance = Literal["cosine", "l2", "inner_product"]

OPERATORS: dict[Distance, str] = {
    "cosine": "vector_cosine_ops",
    "l2": "vector_l2_ops",
    "inner_product": "vector_ip_ops",
}
"""pgvector's operator class for each way of measuring nearness."""

TENANT_SETTING = "plinth.tenant"
"""Setting that names the tenant of a transaction; the row-level security policy reads it."""

LONGEST_NAME = 63
"""In bytes; PostgreSQL cuts longer identifiers off, so that two could become one."""


class Shape(Protocol):
    """What a table needs to know of a collection."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def distance(self) -> Distance: ...

    @property
    def hnsw_m(self) -> int: ...

    @property
    def hnsw_ef_construction(self) -> int: ...


def quote(identifier: str) -> str:
    """A PostgreSQL identifier in quotes, so that no name is ever read as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def tenant_role(tenant: str) -> str:
    """Role of a tenant, and the schema that it owns. Tenants' names have no underscore, so none collide."""
    name = f"tenant_{tenant.replace('-', '_')}"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:54]}_{hashlib.sha256(tenant.encode()).hexdigest()[:8]}"


def table(collection: Shape) -> str:
    """SQL that makes the collection's table unless it is there.

    A row belongs to a tenant, and its id is unique within the tenant.
    """
    return (
        f"CREATE TABLE IF NOT EXISTS {quote(collection.name)} ("
        "tenant text NOT NULL, "
        "id text NOT NULL, "
        "content text NOT NULL DEFAULT '', "
        "metadata jsonb NOT NULL DEFAULT '{}', "
        f"embedding vector({collection.dimensions}) NOT NULL, "
        "updated_at timestamptz NOT NULL DEFAULT now(), "
        "PRIMARY KEY (tenant, id))"
    )


def index_prefix(collection: Shape) -> str:
    """How the names of the collection's vector indexes start; the table's name in full might leave no room."""
    digest = hashlib.sha256(collection.name.encode()).hexdigest()[:8]
    return f"{collection.name[:30]}_{digest}_hnsw_"


def index_name(collection: Shape) -> str:
    """Name of the vector index: says how it was built, so that other settings make another index."""
    settings = f"{collection.distance}_{collection.hnsw_m}_{collection.hnsw_ef_construction}"
    return f"{index_prefix(collection)}{settings}"


def index_changes(collection: Shape, existing: Mapping[str, bool]) -> list[str]:
    """SQL that leaves the collection with exactly the vector index that it asks for, built without blocking writes.

    Args:
        collection: what is wanted.
        existing: indexes of the table, and whether each is valid. A build that was interrupted leaves an invalid one.
    """
    wanted = index_name(collection)
    statements: list[str] = []
    if not existing.get(wanted, False):
        if wanted in existing:
            statements.append(f"DROP INDEX CONCURRENTLY {quote(wanted)}")
        statements.append(
            f"CREATE INDEX CONCURRENTLY {quote(wanted)} ON {quote(collection.name)} "
            f"USING hnsw (embedding {OPERATORS[collection.distance]}) "
            f"WITH (m = {collection.hnsw_m}, ef_construction = {collection.hnsw_ef_construction})"
        )
    outdated = [name for name in existing if name.startswith(index_prefix(collection)) and name != wanted]
    return [*statements, *(f"DROP INDEX CONCURRENTLY {quote(name)}" for name in sorted(outdated))]


def row_security(collection: Shape) -> list[str]:
    """SQL after which no statement reaches another tenant's rows, not even the table owner's."""
    name = quote(collection.name)
    own = f"tenant = current_setting('{TENANT_SETTING}', true)"
    return [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS plinth_tenant ON {name}",
        f"CREATE POLICY plinth_tenant ON {name} USING ({own}) WITH CHECK ({own})",
    ]


def words(collection: Shape, language: str) -> list[str]:
    """SQL that indexes the words of the content."""
    name = quote(collection.name)
    return [
        f"ALTER TABLE {name} DROP COLUMN IF EXISTS words",
        f"ALTER TABLE {name} ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('{language}', content)) STORED",
        f"CREATE INDEX ON {name} USING gin (words)",
    ]
