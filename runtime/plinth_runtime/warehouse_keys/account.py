"""The two statements with which public keys of a user are read and changed."""

import re
from typing import Any, Protocol

from plinth_runtime.errors import StartupError
from plinth_runtime.warehouse_keys.config import KeyRotation
from plinth_runtime.warehouse_keys.plan import SLOTS, Slot

_BASE64 = re.compile(r"^[A-Za-z0-9+/]+={0,2}$")
_USER = re.compile(r"^[A-Z_][A-Z0-9_$]*$")


class Cursor(Protocol):
    """What is used of a cursor of the connector."""

    def execute(self, command: str, *, timeout: int | None = None) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Account:
    """Snowflake, as far as keys go."""

    def __init__(self, cursor: Cursor, timeout_seconds: int) -> None:
        self._cursor, self._timeout = cursor, timeout_seconds

    def slots(self, user: str) -> dict[Slot, str | None]:
        """Fingerprint of the public key in each slot."""
        self._run(describe(user))
        found = {str(row[0]): row[1] for row in self._cursor.fetchall()}
        fingerprints = {slot: found.get(f"{slot}_FP") for slot in SLOTS}
        return {slot: text if text not in (None, "", "null") else None for slot, text in fingerprints.items()}

    def put(self, user: str, slot: Slot, public_text: str) -> None:
        """Put a public key into a slot."""
        self._run(put(user, slot, public_text))

    def empty(self, user: str, slot: Slot) -> None:
        """Empty a slot."""
        self._run(empty(user, slot))

    def _run(self, statement: str) -> None:
        self._cursor.execute(statement, timeout=self._timeout)


def describe(user: str) -> str:
    """The statement that tells a user's properties."""
    return f"DESCRIBE USER {_checked(user)}"


def put(user: str, slot: Slot, public_text: str) -> str:
    """The statement that puts a public key into a slot."""
    if not _BASE64.match(public_text):
        raise ValueError("a public key is given in base 64")
    return f"ALTER USER {_checked(user)} SET {slot} = '{public_text}'"


def empty(user: str, slot: Slot) -> str:
    """The statement that empties a slot."""
    return f"ALTER USER {_checked(user)} UNSET {slot}"


def _checked(user: str) -> str:
    if not _USER.match(user):
        raise ValueError(f"{user} is no identifier that needs no quotes")
    return user


def connect(config: KeyRotation) -> Any:
    """Sign in with the pod's IAM role.

    Raises:
        StartupError: it cannot be reached, or does not let the role in.
    """
    from snowflake.connector import connect as sign_in
    from snowflake.connector.errors import Error

    place = {"host": config.host} if config.host else {}
    try:
        return sign_in(
            account=config.account,
            user=config.user,
            role=config.role,
            authenticator="WORKLOAD_IDENTITY",
            workload_identity_provider="AWS",
            login_timeout=config.connect_seconds,
            network_timeout=config.connect_seconds,
            # Nothing about this process goes to Snowflake beside what it asks for.
            session_parameters={"CLIENT_TELEMETRY_ENABLED": False},
            **place,
        )
    except Error as error:
        raise StartupError(
            f"cannot sign in to Snowflake account {config.account} as {config.user}: {error.msg}. Check that the "
            "pod's IAM role is the user's workload identity, and that its network policy admits this address"
        ) from None
