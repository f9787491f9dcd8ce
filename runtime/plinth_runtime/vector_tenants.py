"""Logins of tenants at the vector store: each owns a schema of its own, and sees nothing of the others'.

Pure; `plinth_runtime.vector_schema` runs the statements.
"""

import base64
import hashlib
import hmac

ITERATIONS = 4096
"""PostgreSQL's own number of rounds for SCRAM-SHA-256."""


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores for a password (RFC 5803), made here so that no statement or log holds the password.

    Args:
        password: printable ASCII, which SASLprep leaves as it is.
        salt: 16 random bytes.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored}:{server}"


def statements(login: str, stored: str, *, exists: bool) -> list[str]:
    """SQL that leaves a login with this password and a schema of its own, whatever was there before.

    A schema named like the login comes first on its search path, so that unqualified names are its own.

    Args:
        login: name of the role and of the schema; letters, digits and underscores only.
        stored: the password's verifier.
        exists: whether the role is there already.
    """
    verb = "ALTER" if exists else "CREATE"
    # A role can do no more unless told so; and saying NOSUPERUSER takes a superuser, whom RDS does not give.
    return [
        f"{verb} ROLE \"{login}\" LOGIN PASSWORD '{stored}'",
        # Who makes a schema for somebody else must be able to act as them (PostgreSQL 16 and later).
        f'GRANT "{login}" TO CURRENT_USER',
        f'CREATE SCHEMA IF NOT EXISTS "{login}" AUTHORIZATION "{login}"',
    ]
