"""How a client signs in to the cache. Source: Amazon ElastiCache user guide, "Authenticating with IAM"."""

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.valkey.config import CacheEndpoint, CachePassword

TOKEN_SECONDS = 900
"""How long a token opens connections."""


def credentials(endpoint: CacheEndpoint) -> tuple[str, str]:
    """User and password (or token) for a new connection, or to sign in again on one that is open.

    Raises:
        StartupError: a file cannot be read, or AWS gives the pod no credentials.
    """
    login = endpoint.login
    if isinstance(login, CachePassword):
        return endpoint.user, read(resolve(login.password_file), "the cache's password").decode().strip()
    # Half a second that only who signs in this way pays.
    import botocore.session
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    try:
        found = botocore.session.get_session().get_credentials()
    except BotoCoreError as error:
        raise StartupError(f"AWS gives no credentials to sign in to the cache {login.cache_name}: {error}") from None
    if found is None:
        raise StartupError(
            f"no AWS credentials to sign in to the cache {login.cache_name} as {endpoint.user}: run the pod under a"
            " service account that has an EKS Pod Identity association"
        )
    request = AWSRequest("GET", f"https://{login.cache_name}/?Action=connect&User={endpoint.user}")
    SigV4QueryAuth(found.get_frozen_credentials(), "elasticache", login.region, expires=TOKEN_SECONDS).add_auth(request)
    return endpoint.user, str(request.url).removeprefix("https://")
