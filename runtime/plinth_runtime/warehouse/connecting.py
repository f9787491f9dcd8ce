"""Signing in: what the connector is told, which key is tried, and what its errors mean."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

import snowflake.connector.aio as connector
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from snowflake.connector import errors as theirs

from plinth_runtime.warehouse.config import EmbeddedWarehouse, SnowflakeConnection, WarehouseEndpoint
from plinth_runtime.warehouse.errors import (
    DeadlineError,
    QueryFailedError,
    UnreachableError,
    WarehouseError,
    WrongCredentialError,
)
from plinth_runtime.warehouse.hints import hint
from plinth_runtime.warehouse.keys import KeyRing

SCHEME: Final = "https"
"""Snowflake is never spoken to without TLS."""

# It logs what it raises as well, with statements and stacks; errors say all that is needed.
logging.getLogger("snowflake.connector").setLevel(logging.CRITICAL)

_REFUSED_WITHOUT_SENDING = (theirs.InterfaceError,)


class RepeatNotOursError(Exception):
    """The connector wants to repeat a request; whether that is safe is decided elsewhere."""


def _once() -> Iterator[int]:
    """The connector's policy between attempts: there is no second one."""
    yield 0
    raise RepeatNotOursError


def arguments(endpoint: WarehouseEndpoint, warehouse: str | None, key: RSAPrivateKey | None) -> dict[str, Any]:
    """Return what the connector is told about a connection."""
    timeouts = endpoint.timeouts
    common: dict[str, Any] = {
        "database": endpoint.database,
        "schema": endpoint.schema_name,
        "paramstyle": "qmark",
        "application": "Plinth",
        "login_timeout": max(1, round(timeouts.connect_seconds)),
        "socket_timeout": max(1, round(timeouts.socket_seconds)),
        "client_prefetch_threads": endpoint.pool.prefetch,
        "backoff_policy": _once,
        "autocommit": True,
        # Nothing about the use of the connector, its imports or the machine is sent anywhere.
        "session_parameters": {
            "CLIENT_TELEMETRY_ENABLED": False,
            # A lost connection must not leave its query running.
            "ABORT_DETACHED_QUERY": True,
        },
        "log_imported_packages_in_telemetry": False,
        "platform_detection_timeout_seconds": 0.0,
        "client_store_temporary_credential": False,
    }
    if isinstance(endpoint, EmbeddedWarehouse):
        common |= {"host": endpoint.host, "port": endpoint.port, "protocol": "http"}
        return common | {"account": "embedded", "user": "PLINTH", "password": "embedded", "warehouse": warehouse}
    assert key is not None
    return common | {
        "account": endpoint.account,
        "host": endpoint.server,
        "port": endpoint.port,
        "protocol": SCHEME,
        "user": endpoint.user,
        "role": endpoint.role,
        "secondary_roles": "NONE",
        "warehouse": warehouse,
        "authenticator": "SNOWFLAKE_JWT",
        "private_key": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    }


async def sign_in(endpoint: WarehouseEndpoint, ring: KeyRing | None, warehouse: str | None) -> Any:
    """Open a connection; with two keys, the one that the server takes.

    Raises:
        WrongCredentialError: no key signs in.
        UnreachableError: the server does not answer in time, or not at all.
    """
    refused: WarehouseError | None = None
    for key in ring.each() if ring else [None]:
        try:
            connection = await _connect(endpoint, warehouse, key)
        except WrongCredentialError as error:
            refused = error
            continue
        if ring and key:
            ring.worked(key)
        return connection
    assert refused is not None
    raise refused


async def _connect(endpoint: WarehouseEndpoint, warehouse: str | None, key: RSAPrivateKey | None) -> Any:
    connection = connector.SnowflakeConnection(**arguments(endpoint, warehouse, key))
    # Also where the server asks for it.
    connection.telemetry_enabled = False
    try:
        async with asyncio.timeout(endpoint.timeouts.connect_seconds):
            await connection.connect()
    except BaseException as error:
        await discard(connection, 0)
        match error:
            case TimeoutError():
                raise UnreachableError(
                    f"{place(endpoint)} did not let {_who(endpoint)} sign in in {endpoint.timeouts.connect_seconds} s. "
                    "Check the network policy, the route to Snowflake and its status page",
                    sent=False,
                ) from None
            case theirs.OperationalError() | RepeatNotOursError() | theirs.HttpError():
                raise _unreachable(endpoint, error, sent=False) from None
            case theirs.Error():
                raise WrongCredentialError(
                    f"{place(endpoint)} refused {_who(endpoint)}: {_text(error)}. Check that the public half of "
                    f"{_files(endpoint)} is registered for the user, and that the user may use its role"
                ) from None
            case _:
                raise
    return connection


async def discard(connection: Any, seconds: float) -> None:
    """Close a connection, saying goodbye if that takes no longer than `seconds`."""
    with contextlib.suppress(Exception):
        if seconds and connection.rest:
            async with asyncio.timeout(seconds):
                await connection.close(retry=False)
    with contextlib.suppress(Exception):
        await connection._session_manager.close()
    with contextlib.suppress(Exception):
        import atexit

        atexit.unregister(connection._close_at_exit)


def translate(endpoint: WarehouseEndpoint, error: BaseException) -> WarehouseError:
    """Say in our words what the connector raised while a statement was under way."""
    match error:
        case WarehouseError():
            return error
        case TimeoutError():
            return DeadlineError(f"{place(endpoint)} did not finish before the deadline; it was told to stop")
        case RepeatNotOursError() | theirs.OperationalError() | theirs.HttpError():
            return _unreachable(endpoint, error, sent=True)
        case theirs.InterfaceError():
            return UnreachableError(f"the connection to {place(endpoint)} is closed", sent=False)
        case theirs.Error():
            code = error.errno or -1
            if code == -1 or 250_000 <= code < 256_000:
                return _unreachable(endpoint, error, sent=True)
            told = f"{_text(error)}{hint(code)}"
            query = f" (query {error.sfqid})" if error.sfqid else ""
            return QueryFailedError(
                f"{place(endpoint)} refused the statement: {told}{query}",
                code=code,
                sql_state=error.sqlstate if error.sqlstate != "n/a" else None,
                query_id=error.sfqid,
            )
        case _:
            return UnreachableError(f"{place(endpoint)} gave an answer that is not Snowflake's", sent=True)


def place(endpoint: WarehouseEndpoint) -> str:
    """Name the server, for messages."""
    if isinstance(endpoint, EmbeddedWarehouse):
        return f"the emulator at {endpoint.host}:{endpoint.port}"
    return f"Snowflake at {endpoint.server}:{endpoint.port}"


def _who(endpoint: WarehouseEndpoint) -> str:
    return f"{endpoint.user} as {endpoint.role}" if isinstance(endpoint, SnowflakeConnection) else "the client"


def _files(endpoint: WarehouseEndpoint) -> str:
    return ", ".join(key.file for key in endpoint.keys) if isinstance(endpoint, SnowflakeConnection) else "the key"


def _unreachable(endpoint: WarehouseEndpoint, error: BaseException, *, sent: bool) -> UnreachableError:
    wanted = error.__context__ if isinstance(error, RepeatNotOursError) else error
    cause = wanted.args[0] if wanted is not None and wanted.args else wanted
    never_sent = _refused(cause) or _refused(wanted)
    return UnreachableError(
        f"{place(endpoint)} cannot be reached: {_text(cause)}. Check the network policy, the route to Snowflake and "
        "its status page",
        sent=sent and not never_sent,
    )


def _refused(error: object) -> bool:
    """Whether no connection was ever made, so that nothing was sent."""
    import aiohttp

    return isinstance(error, aiohttp.ClientConnectorError | ConnectionRefusedError)


def _text(error: object) -> str:
    raw = getattr(error, "raw_msg", None) or getattr(error, "msg", None) or str(error) or type(error).__name__
    return " ".join(str(raw).split())[:500].rstrip(".")
