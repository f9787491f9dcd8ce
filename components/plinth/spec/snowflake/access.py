"""Functional roles: what a kind of person or service may do."""

from plinth.spec.base import Model
from plinth.spec.environment import DataClass
from plinth.spec.snowflake.names import Scope, SnowflakeName


class SnowflakeRole(Model):
    """A functional role. It is granted access roles of databases and schemas, never a privilege on a table itself."""

    name: SnowflakeName
    """Name of the role."""

    warehouses: list[SnowflakeName] = []
    """Warehouses it may use."""

    reads: list[Scope] = []
    """Databases or schemas it may read: all present and future tables, views and dynamic tables."""

    writes: list[Scope] = []
    """Databases or schemas it may write: read, insert, update, delete, and consume streams."""

    builds: list[Scope] = []
    """Databases or schemas it may build in: write, and create tables, views, stages, tasks and the like. Schemas still
    belong to the platform, which alone grants what is in them."""

    inherits: list[SnowflakeName] = []
    """Roles of this account whose rights it has too."""

    sees: DataClass = "internal"
    """The most sensitive class of data that it sees as it is; what is above is masked, in every query and result."""

    all_tenants: bool = False
    """Whether it sees the rows of all tenants in tables that keep them apart."""
