"""Keeps tenants' databases, and the logins that their IAM roles sign in with, as the platform's spec asks.

`plinth-runtime postgres-logins --config PATH` runs as a Kubernetes Job. What it does can be done again at any time; it
makes what is missing, takes back what readers may no longer see, and drops no database and no role.
"""

import asyncio
from typing import TYPE_CHECKING

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.postgres.config import DatabaseLogins, OwnedDatabase
from plinth_runtime.postgres.connect import connect
from plinth_runtime.startup import parse

if TYPE_CHECKING:
    import asyncpg

IAM_ROLE = "rds_iam"
"""Whoever has it signs in with a token, and with nothing else. RDS brings it."""


def quote(identifier: str) -> str:
    """A PostgreSQL identifier in quotes, so that no name is ever read as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def reading_role(database: OwnedDatabase) -> str:
    """Role that may read the database; readers are its members. Names of databases leave room for it."""
    return f"{database.name[:54]}_readers"


def run(config_path: str) -> int:
    """Bring databases and logins about; return the exit status.

    Raises:
        StartupError: the configuration or the credentials cannot be read, or the server cannot be reached or refuses.
    """
    file = resolve(config_path)
    asyncio.run(apply(parse(DatabaseLogins, read(file, "the configuration"), file)))
    return 0


async def apply(wanted: DatabaseLogins) -> None:
    """Bring databases and logins about.

    Raises:
        StartupError: the server cannot be reached, or refuses.
    """
    import asyncpg

    connection = await connect(wanted.endpoint)
    try:
        for login in sorted({name for database in wanted.databases for name in (database.owner, *database.readers)}):
            await _login(connection, login)
        for database in wanted.databases:
            await _database(connection, database)
        await connection.close()
        for database in wanted.databases:
            connection = await connect(wanted.endpoint, database=database.name)
            await _rights(connection, database)
            await connection.close()
    except asyncpg.PostgresError as error:
        raise StartupError(f"PostgreSQL at {wanted.endpoint.host} refused: {error}. Is it the master user?") from None
    finally:
        if not connection.is_closed():
            await connection.close()


async def _login(connection: "asyncpg.Connection", login: str) -> None:
    """A role that signs in with a token. RDS takes no password from a member of `rds_iam`."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", login):
        await connection.execute(f"CREATE ROLE {quote(login)} LOGIN")
        _say(f"login {login}: made")
    await connection.execute(f"GRANT {IAM_ROLE} TO {quote(login)}")
    # Who makes a database for somebody else must be able to act as them (PostgreSQL 16 and later).
    await connection.execute(f"GRANT {quote(login)} TO CURRENT_USER")


async def _database(connection: "asyncpg.Connection", database: OwnedDatabase) -> None:
    """The database, closed to everybody but its owner and its readers."""
    role = quote(reading_role(database))
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", reading_role(database)):
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database.name):
        await connection.execute(f"CREATE DATABASE {quote(database.name)} OWNER {quote(database.owner)}")
        _say(f"database {database.name}: made")
    await connection.execute(f"ALTER DATABASE {quote(database.name)} OWNER TO {quote(database.owner)}")
    await connection.execute(f"REVOKE ALL ON DATABASE {quote(database.name)} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT ON DATABASE {quote(database.name)} TO {role}")
    members = await connection.fetch(
        "SELECT m.rolname AS name FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid "
        "JOIN pg_roles m ON m.oid = a.member WHERE r.rolname = $1 AND m.rolname <> current_user",
        reading_role(database),
    )
    for name in sorted({row["name"] for row in members} - set(database.readers)):
        await connection.execute(f"REVOKE {role} FROM {quote(name)}")
        _say(f"database {database.name}: {name} reads no longer")
    for name in database.readers:
        await connection.execute(f"GRANT {role} TO {quote(name)}")


async def _rights(connection: "asyncpg.Connection", database: OwnedDatabase) -> None:
    """What is in the database, and will be, belongs to the owner and is readable for readers."""
    owner, role = quote(database.owner), quote(reading_role(database))
    if await connection.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = 'pgaudit'"):
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pgaudit")
    await connection.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
    await connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    async with connection.transaction():
        # As the owner: nobody else may give away what the owner made.
        await connection.execute(f"SET LOCAL ROLE {owner}")
        await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        await connection.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}")


def _say(text: str) -> None:
    print(f"postgres-logins: {text}", flush=True)  # noqa: T201 - the Job's log
