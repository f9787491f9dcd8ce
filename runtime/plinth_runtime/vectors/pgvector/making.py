"""Makes databases, schemas, tables and indexes of the pgvector engine; done again, it changes nothing."""

import zlib

import asyncpg

from plinth_runtime.vectors.config import Collection, PgVectorEndpoint
from plinth_runtime.vectors.engine import Tenant
from plinth_runtime.vectors.errors import CollectionMismatchError
from plinth_runtime.vectors.pgvector import ddl
from plinth_runtime.vectors.pgvector.connections import Connections
from plinth_runtime.vectors.records import Made

FIRST_DATABASE = "postgres"
"""Database that always exists, from which others are made."""

_INDEXES = (
    "SELECT i.relname AS name, x.indisvalid AS valid, am.amname AS method, pg_get_indexdef(x.indexrelid) AS text "
    "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am am ON am.oid = i.relam "
    "WHERE x.indrelid = to_regclass($1)"
)
_WORDS = (
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid "
    "AND d.adnum = a.attnum WHERE a.attrelid = to_regclass($1) AND a.attname = 'words' AND NOT a.attisdropped"
)
_SECURE = (
    "SELECT c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid "
    "AND p.polname = 'plinth_tenant') AND (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) = 1 "
    "FROM pg_class c WHERE c.oid = to_regclass($1)"
)


async def create(connections: Connections, endpoint: PgVectorEndpoint, tenant: Tenant, collection: Collection) -> Made:
    """Make a collection where the tenant's rows go."""
    await _database(connections, endpoint)
    async with connections.outside() as connection:
        # Two that make the same at once would trip over each other.
        key = zlib.crc32(f"plinth {collection.name}".encode())
        await connection.execute("SELECT pg_advisory_lock($1)", key)
        if not await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
            await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
            await connections.renew()
        if endpoint.isolation == "dedicated":
            await _schema(connection, tenant)
        return await _collection(connection, collection)


async def secure(connection: asyncpg.Connection, collection: Collection) -> bool:
    """Whether the table is there and row-level security guards it: nothing is read from one that is not guarded."""
    return bool(await connection.fetchval(_SECURE, ddl.quote(collection.name)))


async def _database(connections: Connections, endpoint: PgVectorEndpoint) -> None:
    try:
        async with connections.outside():
            return
    except asyncpg.InvalidCatalogNameError:
        async with connections.outside(FIRST_DATABASE) as first:
            await first.execute(f"CREATE DATABASE {ddl.quote(endpoint.database)}")


async def _schema(connection: asyncpg.Connection, tenant: Tenant) -> None:
    """The tenant's role and schema, as `plinth_runtime.vector_tenants` makes them too; then act as that role."""
    role = ddl.quote(ddl.tenant_role(tenant.name))
    user = await connection.fetchval("SELECT current_user")
    if user != ddl.tenant_role(tenant.name):
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ddl.tenant_role(tenant.name)):
            await connection.execute(f"CREATE ROLE {role}")
        if not await connection.fetchval("SELECT pg_has_role($1, 'SET')", ddl.tenant_role(tenant.name)):
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
        if not await connection.fetchval("SELECT to_regnamespace($1)", role):
            await connection.execute(f"CREATE SCHEMA {role} AUTHORIZATION {role}")
    await connection.execute(f"SET ROLE {role}")
    await connection.execute(f"SET search_path TO {role}, public")


async def _collection(connection: asyncpg.Connection, collection: Collection) -> Made:
    name = ddl.quote(collection.name)
    schema = await connection.fetchval("SELECT current_schema()")
    existed = await connection.fetchval("SELECT to_regclass($1)", f"{ddl.quote(schema)}.{name}")
    if not existed:
        await connection.execute(ddl.table(collection))
    # The type modifier of a vector column is its number of dimensions.
    found = await connection.fetchval(
        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'embedding'", name
    )
    if found != collection.dimensions:
        raise CollectionMismatchError(
            collection.name, [("dimensions", found, collection.dimensions)], where=f"PostgreSQL, schema {schema}"
        )
    changes = [] if await secure(connection, collection) else ddl.row_security(collection)
    if collection.lexical:
        expression = await connection.fetchval(_WORDS, name)
        if not expression or f"'{collection.language}'" not in expression:
            changes += ddl.words(collection, collection.language)
    indexes = await connection.fetch(_INDEXES, name)
    if collection.fields and not any(row["method"] == "gin" and "metadata" in row["text"] for row in indexes):
        changes.append(f"CREATE INDEX ON {name} USING gin (metadata jsonb_path_ops)")
    if changes:
        async with connection.transaction():
            for statement in changes:
                await connection.execute(statement)
    # Concurrently, so not within a transaction.
    built = ddl.index_changes(collection, {row["name"]: row["valid"] for row in indexes})
    for statement in built:
        await connection.execute(statement)
    if not existed:
        return "made"
    return "changed" if changes or built else "unchanged"
