"""Connections to PostgreSQL, with a password or with a token of AWS's.

Source: Amazon Aurora user guide, "IAM database authentication".
"""

import asyncio
import ssl
from typing import TYPE_CHECKING

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.postgres.config import IamLogin, PostgresEndpoint

if TYPE_CHECKING:
    import asyncpg

TOKEN_SECONDS = 900
"""How long a token opens connections; those that are open stay so."""


def credentials(endpoint: PostgresEndpoint, host: str) -> tuple[str, str]:
    """User and password (or token) for a new connection to `host`.

    Raises:
        StartupError: a file cannot be read, or AWS gives the pod no credentials.
    """
    login = endpoint.login
    if isinstance(login, IamLogin):
        return login.user, iam_token(login, host, endpoint.port)
    user, password = (
        read(resolve(f"{login.credentials_dir}/{part}"), f"the {part} for PostgreSQL").decode().strip()
        for part in ("username", "password")
    )
    return user, password


def iam_token(login: IamLogin, host: str, port: int) -> str:
    """A token that stands for the password: an address that is signed with the pod's IAM role.

    Raises:
        StartupError: AWS gives the pod no credentials.
    """
    # Half a second that only who signs in this way pays.
    import botocore.session
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    try:
        found = botocore.session.get_session().get_credentials()
    except BotoCoreError as error:
        raise StartupError(f"AWS gives no credentials to sign in to PostgreSQL at {host}: {error}") from None
    if found is None:
        raise StartupError(
            f"no AWS credentials to sign in to PostgreSQL at {host} as {login.user}: run the pod under a service"
            " account that has an EKS Pod Identity association"
        )
    request = AWSRequest("GET", f"https://{host}:{port}/?Action=connect&DBUser={login.user}")
    SigV4QueryAuth(found.get_frozen_credentials(), "rds-db", login.region, expires=TOKEN_SECONDS).add_auth(request)
    return str(request.url).removeprefix("https://")


async def connect(
    endpoint: PostgresEndpoint, *, database: str | None = None, read_only: bool = False
) -> "asyncpg.Connection":
    """Open a connection.

    Args:
        endpoint: where, and as whom.
        database: another database of the same server.
        read_only: to the readers, where there are any.

    Raises:
        StartupError: it cannot be opened within `connect_seconds`; the message says why and what to check.
    """
    import asyncpg

    host = (endpoint.reader_host or endpoint.host) if read_only else endpoint.host
    name = database or endpoint.database
    user, password = await asyncio.to_thread(credentials, endpoint, host)
    # With `require`, asyncpg encrypts and verifies nothing; with a context, certificate and host name.
    encryption: str | ssl.SSLContext = "require"
    if endpoint.ca_file:
        encryption = ssl.create_default_context(cafile=str(resolve(endpoint.ca_file)))
    try:
        return await asyncpg.connect(
            host=host,
            port=endpoint.port,
            database=name,
            user=user,
            password=password,
            ssl=encryption,
            timeout=endpoint.connect_seconds,
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or type(error).__name__
        raise StartupError(
            f"cannot connect to PostgreSQL at {host}:{endpoint.port}, database {name}, as {user}: {reason}. "
            "Check that it runs, that its security group lets this pod in, and the credentials"
        ) from None
