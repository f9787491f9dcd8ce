"""Which role gets which privilege on what: least privilege, as a plan without Pulumi.

Privileges on tables and views are given for a whole database, on those that exist and those to come. Snowflake lets
a future grant on a schema hide the one on its database, so none is made on a schema.
"""

from dataclasses import dataclass
from typing import Literal

from plinth.spec.snowflake import Snowflake, SnowflakeDatabase, SnowflakeRole

Kind = Literal["TABLES", "VIEWS"]

When = Literal["all", "future"]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """On a warehouse."""

    name: str


@dataclass(frozen=True, slots=True)
class Database:
    """On a database itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Schema:
    """On one schema itself."""

    database: str
    name: str


@dataclass(frozen=True, slots=True)
class Objects:
    """On all tables or views of a database: those that exist, or those to come."""

    database: str
    kind: Kind
    when: When


On = Warehouse | Database | Schema | Objects


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges of a role on something."""

    role: str
    privileges: tuple[str, ...]
    on: On

    @property
    def label(self) -> str:
        """The part of a logical name that stands for this grant: role and object, not the privileges."""
        match self.on:
            case Warehouse(name):
                place = f"warehouse-{name}"
            case Database(name):
                place = f"database-{name}"
            case Schema(database, name):
                place = f"schema-{database}-{name}"
            case Objects(database, kind, when):
                place = f"{when}-{kind}-{database}"
        return f"{self.role}-{place}".lower().replace("_", "-")


READ = ("SELECT",)
WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")


def plan(section: Snowflake) -> list[Grant]:
    """Every grant of the account, role by role.

    A role that writes a database reads it too: an update needs both.
    """
    databases = {database.name: database for database in section.databases}
    grants: list[Grant] = []
    for role in section.roles:
        grants += [Grant(role.name, ("USAGE",), Warehouse(name)) for name in role.warehouses]
        for name in dict.fromkeys([*role.reads, *role.writes]):
            grants += _database(role, databases[name], writes=name in role.writes)
    return grants


def _database(role: SnowflakeRole, database: SnowflakeDatabase, *, writes: bool) -> list[Grant]:
    inside = ("USAGE", "CREATE TABLE") if writes else ("USAGE",)
    kinds: dict[Kind, tuple[str, ...]] = {"TABLES": WRITE if writes else READ, "VIEWS": READ}
    times: tuple[When, ...] = ("all", "future")
    return [
        Grant(role.name, ("USAGE",), Database(database.name)),
        *(Grant(role.name, inside, Schema(database.name, schema)) for schema in database.schemas),
        *(
            Grant(role.name, privileges, Objects(database.name, kind, when))
            for kind, privileges in kinds.items()
            for when in times
        ),
    ]
