"""Where a PostgreSQL database is and how to sign in to it: the types that components render and clients read.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
"""A PostgreSQL identifier in lower case."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class IamLogin(_Model):
    """A login without a password: tokens that the pod's own IAM role signs, each good for 15 minutes."""

    kind: Literal["iam"] = "iam"
    """How to sign in."""

    user: SqlName
    """Role in PostgreSQL, to which `rds_iam` is granted."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """AWS region of the cluster."""


class PasswordLogin(_Model):
    """A login with a password that is read again for every connection, so that it may rotate."""

    kind: Literal["password"] = "password"
    """How to sign in."""

    credentials_dir: Annotated[str, Field(pattern=r"^/")] = "/etc/plinth/postgres"
    """Folder with the files `username` and `password`."""


class PostgresEndpoint(_Model):
    """A database that a client can connect to."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """Host name of the writer."""

    reader_host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Host name of the readers. Absent: there are none."""

    port: Port = 5432
    """TCP port."""

    database: SqlName
    """Database."""

    login: Annotated[IamLogin | PasswordLogin, Field(discriminator="kind")]
    """How to sign in."""

    ca_file: str | None = None
    """Certificate authorities (PEM) that the server's certificate must come from. Absent: encrypted, not verified."""

    connect_seconds: Annotated[float, Field(gt=0, le=300)] = 30
    """Longest time to connect: a paused Aurora cluster needs about 15 seconds to wake."""


class OwnedDatabase(_Model):
    """A database that must exist, with who may do what in it."""

    name: SqlName
    """Name of the database."""

    owner: SqlName
    """Login that may do anything in it."""

    readers: list[SqlName] = []
    """Logins that may read every table that the owner makes."""


class DatabaseLogins(_Model):
    """What `plinth-runtime postgres-logins` brings about: databases, and logins that IAM roles sign in with."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    endpoint: PostgresEndpoint
    """Where, and as whom: a user that may make roles and databases."""

    databases: list[OwnedDatabase]
    """The databases. Nothing that is not in the list is changed."""
