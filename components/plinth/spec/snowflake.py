"""Snowflake: databases, warehouses with spending limits, and roles by least privilege."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, matches

SnowflakeName = Annotated[
    str, matches(r"^[A-Z][A-Z0-9_]{0,60}$", "upper-case letters, digits and underscores, starting with a letter")
]
"""A Snowflake identifier in upper case, so that it never needs quotes."""

AccountPart = Annotated[str, matches(r"^[A-Za-z][A-Za-z0-9_]*$", "letters, digits and underscores")]

WarehouseSize = Literal["XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE"]
"""Each step doubles credits per hour, from 1 (XSMALL) to 32 (XXLARGE)."""


class SnowflakeDatabase(Model):
    """A database with its schemas."""

    name: SnowflakeName
    """Name of the database."""

    schemas: Annotated[list[SnowflakeName], Field(min_length=1)]
    """Schemas in the database."""

    retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days of Time Travel: how far back deleted or changed data can be read."""


class SnowflakeWarehouse(Model):
    """A warehouse with a resource monitor that stops it at its monthly credits."""

    name: SnowflakeName
    """Name of the warehouse."""

    size: WarehouseSize = "XSMALL"
    """Compute size."""

    monthly_credits: Annotated[int, Field(ge=1, le=100_000)]
    """Credits a month after which the warehouse is suspended."""

    auto_suspend_seconds: Annotated[int, Field(ge=60, le=300)] = 60
    """Idle seconds after which the warehouse suspends itself."""

    statement_timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = 3600
    """Seconds after which a single statement is cancelled."""

    max_clusters: Annotated[int, Field(ge=1, le=10)] = 1
    """Most clusters that run side by side under concurrency."""


class SnowflakeRole(Model):
    """An account role: which warehouses it may use, which databases it may read or write."""

    name: SnowflakeName
    """Name of the role."""

    warehouses: list[SnowflakeName] = []
    """Warehouses it may use."""

    reads: list[SnowflakeName] = []
    """Databases it may read: all present and future tables and views."""

    writes: list[SnowflakeName] = []
    """Databases it may write: read, insert, update, delete and create tables."""


class Snowflake(Model):
    """What the platform owns in a Snowflake account."""

    organization: AccountPart
    """Snowflake organization name."""

    account: AccountPart
    """Snowflake account name within the organization."""

    user: SnowflakeName = "PLINTH_PROVISIONER"
    """Service user that provisions; it signs in with a key pair."""

    databases: Annotated[list[SnowflakeDatabase], Field(min_length=1)]
    """Databases."""

    warehouses: Annotated[list[SnowflakeWarehouse], Field(min_length=1)]
    """Warehouses, one for each kind of work."""

    roles: list[SnowflakeRole] = []
    """Account roles. Nobody is granted ACCOUNTADMIN."""

    @model_validator(mode="after")
    def _references(self) -> Self:
        warehouses = {warehouse.name for warehouse in self.warehouses}
        databases = {database.name for database in self.databases}
        for kind, entries in (("databases", self.databases), ("warehouses", self.warehouses), ("roles", self.roles)):
            names = [entry.name for entry in entries]
            for name in sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind} has {name} twice")
        for role in self.roles:
            for name in sorted(set(role.warehouses) - warehouses):
                raise ValueError(f"role {role.name} uses warehouse {name}, which is not one of {sorted(warehouses)}")
            for name in sorted({*role.reads, *role.writes} - databases):
                raise ValueError(f"role {role.name} uses database {name}, which is not one of {sorted(databases)}")
        return self
