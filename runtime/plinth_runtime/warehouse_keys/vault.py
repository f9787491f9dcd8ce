"""Secrets Manager, as far as keys go."""

from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.warehouse_keys import pair
from plinth_runtime.warehouse_keys.plan import Stored

SECONDS = 10
"""Longest time to connect, and between two bytes."""


class Vault:
    """Reads and writes secrets with the pod's own credentials."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def of_pod(cls) -> "Vault":
        """The one of the pod's region."""
        from botocore.config import Config
        from botocore.session import get_session

        settings = Config(
            connect_timeout=SECONDS, read_timeout=SECONDS, retries={"mode": "standard", "total_max_attempts": 4}
        )
        return cls(get_session().create_client("secretsmanager", config=settings))

    def stored(self, secret: str) -> Stored | None:
        """The key that a secret holds; None while it has no value.

        Raises:
            StartupError: it does not exist, or may not be read.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return pair.from_secret(self._client.get_secret_value(SecretId=secret)["SecretString"])
        except ClientError as error:
            if _is_empty(error):
                return None
            raise StartupError(f"cannot read secret {secret}: {error}") from None
        except BotoCoreError as error:
            raise StartupError(f"cannot read secret {secret}: {error}") from None

    def put(self, secret: str, value: str) -> None:
        """Store a new value.

        Raises:
            StartupError: it may not be written. The key before goes on working.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_secret_value(SecretId=secret, SecretString=value)
        except (BotoCoreError, ClientError) as error:
            raise StartupError(f"cannot write secret {secret}: {error}") from None


def _is_empty(error: Any) -> bool:
    """Whether the secret exists and has no value: Secrets Manager says then that no such version is there."""
    details: dict[str, str] = error.response.get("Error", {})
    missing = details.get("Code") == "ResourceNotFoundException"
    return missing and "staging label" in details.get("Message", "")
