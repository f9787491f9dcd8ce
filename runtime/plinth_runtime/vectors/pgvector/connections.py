"""Connections to PostgreSQL: encrypted, with credentials read from files for each, vectors in binary."""

import asyncio
import contextlib
import ssl
import struct
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from plinth_runtime.files import read, resolve
from plinth_runtime.vectors.config import PgVectorEndpoint
from plinth_runtime.vectors.engine import Tenant
from plinth_runtime.vectors.errors import AccessDeniedError
from plinth_runtime.vectors.pgvector.ddl import TENANT_SETTING, quote, tenant_role

CLOSE_SECONDS = 5.0
_BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class Connections:
    """A pool that gives transactions in which one tenant's rows are all there is."""

    def __init__(self, endpoint: PgVectorEndpoint) -> None:
        self._endpoint = endpoint
        self._pool: asyncpg.Pool | None = None
        self._starting = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def transaction(
        self, tenant: Tenant, *, seconds: float, settings: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[asyncpg.Connection]:
        """A transaction of the tenant's, in which row-level security admits nothing else.

        Args:
            tenant: whose rows.
            seconds: the server gives up a statement after this time.
            settings: settings for the transaction.
        """
        pool = await self._opened()
        async with pool.acquire() as connection, connection.transaction():
            await enter(connection, self._endpoint, tenant, seconds, settings)
            yield connection

    @contextlib.asynccontextmanager
    async def outside(self, database: str | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection of its own, for what makes databases, tables and indexes."""
        connection = await asyncpg.connect(**self._arguments(database))
        try:
            yield connection
        finally:
            with contextlib.suppress(TimeoutError):
                await connection.close(timeout=CLOSE_SECONDS)

    async def renew(self) -> None:
        """Make new connections from now on: old ones may not know the type `vector`."""
        if self._pool:
            await self._pool.expire_connections()

    async def close(self) -> None:
        """Close the connections, or cut them when that takes too long."""
        pool, self._pool = self._pool, None
        if pool:
            try:
                await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
            except TimeoutError:
                pool.terminate()

    async def _opened(self) -> asyncpg.Pool:
        async with self._starting:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    connect=self._connect, min_size=0, max_size=self._endpoint.connections, init=_init, reset=_nothing
                )
            return self._pool

    async def _connect(self, *_: Any, **options: Any) -> asyncpg.Connection:
        # Arguments are made anew for each connection, so that a password that was rotated is used.
        return await asyncpg.connect(**{**options, **self._arguments(None)})

    def _arguments(self, database: str | None) -> dict[str, Any]:
        endpoint = self._endpoint
        user, password = (
            read(resolve(f"{endpoint.credentials_dir}/{part}"), f"the {part}").decode().strip()
            for part in ("username", "password")
        )
        # With `require`, asyncpg encrypts and verifies nothing; with a context, certificate and host name.
        encryption: str | ssl.SSLContext = "require"
        if endpoint.ca_file:
            encryption = ssl.create_default_context(cafile=str(resolve(endpoint.ca_file)))
        return {
            "host": endpoint.host,
            "port": endpoint.port,
            "database": database or endpoint.database,
            "user": user,
            "password": password,
            "ssl": encryption,
            "timeout": endpoint.deadlines.connect_seconds,
        }


async def enter(
    connection: asyncpg.Connection,
    endpoint: PgVectorEndpoint,
    tenant: Tenant,
    seconds: float,
    settings: Sequence[tuple[str, str]] = (),
) -> None:
    """Make this transaction the tenant's."""
    if endpoint.isolation == "dedicated":
        role = tenant_role(tenant.name)
        await connection.execute(f"SET LOCAL ROLE {quote(role)}")
        settings = [*settings, ("search_path", f"{quote(role)}, public")]
    pairs = [
        (TENANT_SETTING, tenant.name),
        ("statement_timeout", str(max(1, int(seconds * 1000)))),
        # A plan made for no vector in particular is a bad one, and compiling takes longer than searching.
        ("plan_cache_mode", "force_custom_plan"),
        ("jit", "off"),
        *settings,
    ]
    await connection.execute(
        "SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS pair(name, value)",
        [name for name, _ in pairs],
        [value for _, value in pairs],
    )


async def _init(connection: asyncpg.Connection) -> None:
    if await connection.fetchval(_BYPASS):
        raise AccessDeniedError(
            "the login may bypass row-level security, so tenants would not be kept apart",
            where="pgvector",
            fix="Use a login that is no superuser and has not BYPASSRLS",
        )
    # Where the extension is not there yet, only `create_collection` works.
    with contextlib.suppress(ValueError):
        await connection.set_type_codec("vector", schema="public", encoder=encode, decoder=decode, format="binary")


async def _nothing(_: asyncpg.Connection) -> None:
    """Settings end with each transaction, so a connection needs no cleaning between two."""


def encode(vector: "array[float]") -> bytes:
    """Pgvector's binary form: two 16-bit numbers (dimensions, unused), then 32-bit floats, big-endian."""
    numbers = vector[:]
    if sys.byteorder == "little":
        numbers.byteswap()
    return struct.pack(">HH", len(numbers), 0) + numbers.tobytes()


def decode(data: bytes) -> "array[float]":
    """The opposite of `encode`."""
    numbers = array("f", data[4:])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
