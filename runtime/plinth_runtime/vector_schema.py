"""Keeps vector stores in the shape that the platform's spec asks for.

`plinth-runtime vector-schema --config PATH` runs as a Kubernetes Job. What it does can be done again at any time:
it makes what is missing, changes indexes, and never drops a table. The file has one of two shapes, told apart by
`version`: `v1`, the `VectorSchema` below, is pgvector alone, with tables in the schema `public` and logins of tenants;
`v2`, `plinth_runtime.vectors.config.VectorSetup`, is any engine.

Only pydantic and the standard library are imported at the top, because Pulumi programs build `VectorSchema`.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from plinth_runtime import vector_tenants
from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.startup import parse
from plinth_runtime.vectors.config import VectorSetup
from plinth_runtime.vectors.pgvector.ddl import Distance, index_changes, quote, table

if TYPE_CHECKING:
    import asyncpg

CONNECT_SECONDS = 30
"""Longest time to connect: a paused Aurora cluster needs about 15 seconds to wake."""

Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
"""A PostgreSQL identifier in lower case."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Collection(_Model):
    """A table of vectors with one approximate-nearest-neighbor index."""

    name: Name
    """Name of the table."""

    dimensions: Annotated[int, Field(ge=1, le=2000)]
    """Length of each vector; pgvector indexes at most 2,000 dimensions."""

    distance: Distance = "cosine"
    """How nearness is measured."""

    hnsw_m: Annotated[int, Field(ge=4, le=64)] = 16
    """HNSW links per node."""

    hnsw_ef_construction: Annotated[int, Field(ge=8, le=512)] = 64
    """HNSW candidates considered while building."""


class TenantLogin(_Model):
    """A tenant that keeps collections of its own."""

    login: Name
    """Name of its role, and of the schema that the role owns."""

    credentials_dir: str
    """Folder with the file `password`."""


class VectorSchema(_Model):
    """Where the store is, and what must be in it."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    host: Annotated[str, Field(min_length=1)]
    """Host name of PostgreSQL."""

    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    """TCP port."""

    database: Name
    """Database that holds the collections; made when missing."""

    first_database: Name = "postgres"
    """Database that always exists, from which `database` is made."""

    credentials_dir: str = "/etc/plinth/postgres"
    """Folder with the files `username` and `password`."""

    ca_file: str | None = None
    """Certificate authorities (PEM) that the server's certificate must come from. Absent: encrypted, not verified."""

    collections: list[Collection]
    """The collections."""

    tenants: list[TenantLogin] = []
    """Tenants that get a login; only the platform's own store gives any."""


def run(config_path: str) -> int:
    """Bring the stores into shape; return the exit status.

    Raises:
        StartupError: the configuration or the credentials cannot be read, the database cannot be reached, or a
            collection has other dimensions than the configuration says.
    """
    file = resolve(config_path)
    data = read(file, "the configuration")
    if _version(data) == "v2":
        from plinth_runtime.vectors import setup

        return setup.run(parse(VectorSetup, data, file))
    schema = parse(VectorSchema, data, file)
    user, password = (_credential(schema, part) for part in ("username", "password"))
    asyncio.run(_apply(schema, user, password))
    return 0


def _version(data: bytes) -> object:
    """The version of a configuration; what cannot be read is left to the parser's messages."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found.get("version") if isinstance(found, dict) else None


def _credential(schema: VectorSchema, part: str) -> str:
    return read(resolve(f"{schema.credentials_dir}/{part}"), f"the {part}").decode().strip()


async def _apply(schema: VectorSchema, user: str, password: str) -> None:
    async with _session(schema, schema.first_database, user, password) as first:
        known = await first.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", schema.database)
        if not known:
            await first.execute(f"CREATE DATABASE {quote(schema.database)}")
            _say(f"database {schema.database}: made")
    async with _session(schema, schema.database, user, password) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        for collection in schema.collections:
            await _collection(connection, collection)
        for tenant in schema.tenants:
            await _tenant(connection, tenant)


@asynccontextmanager
async def _session(
    schema: VectorSchema, database: str, user: str, password: str
) -> "AsyncIterator[asyncpg.Connection]":
    """A connection; what the server refuses becomes a message for a person."""
    import asyncpg

    connection = await _connect(schema, database, user, password)
    try:
        yield connection
    except asyncpg.PostgresError as error:
        raise StartupError(
            f"PostgreSQL at {schema.host}, database {database}, refused {user}: {error}. "
            "The user must own what is there, or be the master user"
        ) from None
    finally:
        await connection.close()


async def _collection(connection: "asyncpg.Connection", collection: Collection) -> None:
    await connection.execute(table(collection))
    # The type modifier of a vector column is its number of dimensions.
    found = await connection.fetchval(
        "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'embedding'",
        quote(collection.name),
    )
    if found != collection.dimensions:
        raise StartupError(
            f"collection {collection.name} has vectors of {found} dimensions, the configuration says "
            f"{collection.dimensions}: give the new vectors a new collection, and drop the old one when nobody reads it"
        )
    rows = await connection.fetch(
        "SELECT i.relname AS name, x.indisvalid AS valid FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE x.indrelid = to_regclass($1)",
        quote(collection.name),
    )
    changes = index_changes(collection, {row["name"]: row["valid"] for row in rows})
    for statement in changes:
        await connection.execute(statement)
    _say(f"collection {collection.name}: {f'{len(changes)} index changes' if changes else 'unchanged'}")


async def _tenant(connection: "asyncpg.Connection", tenant: TenantLogin) -> None:
    password = read(resolve(f"{tenant.credentials_dir}/password"), f"the password of {tenant.login}").decode().strip()
    stored = vector_tenants.verifier(password, secrets.token_bytes(16))
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", tenant.login)
    for statement in vector_tenants.statements(tenant.login, stored, exists=bool(exists)):
        await connection.execute(statement)
    _say(f"login {tenant.login}: {'kept' if exists else 'made'}")


async def _connect(schema: VectorSchema, database: str, user: str, password: str) -> "asyncpg.Connection":
    import asyncpg

    # With `require`, asyncpg encrypts and verifies nothing; with a context, certificate and host name.
    encryption: str | ssl.SSLContext = "require"
    if schema.ca_file:
        encryption = ssl.create_default_context(cafile=str(resolve(schema.ca_file)))
    try:
        return await asyncpg.connect(
            host=schema.host,
            port=schema.port,
            database=database,
            user=user,
            password=password,
            ssl=encryption,
            timeout=CONNECT_SECONDS,
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        reason = str(error) or type(error).__name__
        raise StartupError(
            f"cannot connect to PostgreSQL at {schema.host}:{schema.port}, database {database}, as {user}: {reason}. "
            "Check that it runs, that its security group lets this pod in, and the credentials"
        ) from None


def _say(text: str) -> None:
    print(f"vector-schema: {text}", flush=True)  # noqa: T201 - the Job's log
