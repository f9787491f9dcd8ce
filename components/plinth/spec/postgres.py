"""PostgreSQL: Aurora Serverless v2, and the databases in it that tenants own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name
from plinth.spec.vectors import SqlName

AuditedStatements = Literal["read", "write", "function", "role", "ddl", "misc"]
"""Classes of statements as pgaudit names them (pgaudit, `pgaudit.log`)."""

OWN_DATABASES = ("postgres", "rdsadmin", "template0", "template1")
"""Databases that every Aurora PostgreSQL cluster has."""


class Database(Model):
    """A database of a tenant's own. Its pods sign in with their IAM role: there is no password."""

    name: SqlName
    """Name of the database."""

    tenant: Name
    """Tenant that owns it: its pods under the service account `data` may do anything in it."""

    readers: list[Name] = []
    """Tenants whose pods may read every table of it."""

    @model_validator(mode="after")
    def _others(self) -> Self:
        if self.name in OWN_DATABASES:
            raise ValueError(f"{self.name!r} is a database of PostgreSQL's own: choose another name")
        if self.tenant in self.readers:
            raise ValueError(f"{self.tenant!r} owns the database: leave it out of readers")
        return self


class Postgres(Model):
    """Aurora PostgreSQL Serverless v2: encrypted, TLS only, IAM authentication, a master password that rotates."""

    engine_version: Literal["16.9", "17.5"] = "17.5"
    """Aurora PostgreSQL engine version."""

    min_acu: Annotated[float, Field(ge=0, le=256, multiple_of=0.5)] = 0.5
    """Least capacity in Aurora capacity units (about 2 GiB of memory each); 0 pauses when idle."""

    max_acu: Annotated[float, Field(ge=1, le=256, multiple_of=0.5)] = 4
    """Most capacity in Aurora capacity units."""

    readers: Annotated[int, Field(ge=0, le=15)] = 0
    """Read replicas; one or more let the database survive the loss of a zone quickly."""

    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    """Days of point-in-time recovery."""

    databases: list[Database] = []
    """Databases of tenants."""

    audit: list[AuditedStatements] = ["role", "ddl"]
    """Statements that pgaudit writes to the log. Empty: none."""

    logical_replication: bool = False
    """Whether changes can be captured through logical decoding; costs capacity while nobody does."""

    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = 60
    """Seconds between two measurements of the operating system (enhanced monitoring); 0: none."""

    insights: Literal["standard", "advanced"] = "standard"
    """CloudWatch Database Insights: `standard` keeps 7 days of query load, `advanced` 15 months at a price per ACU."""

    rotate_password_days: Annotated[int, Field(ge=1, le=365)] = 7
    """Days after which the master password is another one. Nothing but the Jobs that keep schemas uses it."""

    @model_validator(mode="after")
    def _capacity(self) -> Self:
        if self.min_acu > self.max_acu:
            raise ValueError(f"min_acu {self.min_acu:g} is above max_acu {self.max_acu:g}")
        return self
