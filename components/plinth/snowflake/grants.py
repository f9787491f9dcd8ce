"""Which role gets which privilege on what: least privilege, as a plan without Pulumi.

Privileges are held by access roles alone: database roles of one schema, for reading, writing or building. An access
role of a database only inherits those of its schemas, and functional roles inherit access roles. So no grant is ever
made on the objects of a whole database: in Snowflake a future grant on a schema hides one on its database.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from plinth.spec.snowflake import Snowflake, SnowflakeRole

Level = Literal["READ", "WRITE", "BUILD"]
"""Each has what the one before it has."""

When = Literal["all", "future"]
"""Objects that exist, or those to come."""


@dataclass(frozen=True, slots=True, order=True)
class AccessRole:
    """A database role that stands for one level of access to a schema, or to every schema of its database."""

    database: str
    schema: str | None
    level: Level

    @property
    def name(self) -> str:
        """Name of the database role."""
        return f"SCHEMA_{self.schema}_{self.level}" if self.schema else f"DATABASE_{self.level}"

    @property
    def label(self) -> str:
        """The part of a logical name that stands for the role."""
        return _label(self.database, self.name)


@dataclass(frozen=True, slots=True)
class Database:
    """On a database itself."""


@dataclass(frozen=True, slots=True)
class Schema:
    """On a schema itself."""


@dataclass(frozen=True, slots=True)
class Objects:
    """On every object of a kind in a schema."""

    kind: str
    """Type of the objects in the plural, such as TABLES."""
    when: When


On = Database | Schema | Objects


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges of an access role on something of its schema."""

    role: AccessRole
    privileges: tuple[str, ...]
    on: On

    @property
    def label(self) -> str:
        """The part of a logical name that stands for this grant: role and object, not the privileges."""
        match self.on:
            case Database():
                place = "on-database"
            case Schema():
                place = "on-schema"
            case Objects(kind, when):
                place = f"on-{when}-{kind}"
        return _label(self.role.label, place)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who gets what."""

    roles: tuple[AccessRole, ...]
    """Access roles, each after those that it inherits."""
    grants: tuple[Grant, ...]
    inherited: tuple[tuple[AccessRole, AccessRole], ...]
    """An access role, and the one of the same database that has its rights too."""
    given: tuple[tuple[AccessRole, str], ...]
    """An access role, and the functional role that has its rights."""
    warehouses: tuple[tuple[str, str], ...]
    """A warehouse, and the functional role that uses it."""
    members: tuple[tuple[str, str], ...]
    """A functional role, and the one that has its rights too."""


OBJECTS: Mapping[Level, Mapping[str, tuple[str, ...]]] = {
    "READ": {"TABLES": ("SELECT",), "VIEWS": ("SELECT",), "DYNAMIC TABLES": ("SELECT",)},
    "WRITE": {"TABLES": ("INSERT", "UPDATE", "DELETE"), "STREAMS": ("SELECT",)},
    "BUILD": {},
}
"""Privileges on the objects of a schema, beyond those of the level below."""

CORTEX_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "SEMANTIC VIEWS": ("SELECT", "REFERENCES"),
    "CORTEX SEARCH SERVICES": ("USAGE",),
}
"""What who reads a schema may do with what Cortex answers from there."""

CREATES = (
    *("CREATE TABLE", "CREATE VIEW", "CREATE DYNAMIC TABLE", "CREATE STREAM", "CREATE TASK", "CREATE STAGE"),
    *("CREATE FILE FORMAT", "CREATE FUNCTION", "CREATE PROCEDURE"),
)
"""What may be created where a role builds. Pipes, policies and tags stay with the platform."""

BELOW: Mapping[Level, Level] = {"WRITE": "READ", "BUILD": "WRITE"}


def plan(section: Snowflake) -> Plan:
    """Every access role that a functional role needs, with its privileges, and who has it."""
    schemas = {database.name: database.schemas for database in section.databases}
    given = [(wanted, role.name) for role in section.roles for wanted in _wanted(role)]
    roles: dict[AccessRole, None] = {}
    inherited: list[tuple[AccessRole, AccessRole]] = []

    def need(role: AccessRole) -> None:
        if role in roles:
            return
        for part in _parts(role, schemas[role.database]):
            need(part)
            inherited.append((part, role))
        roles[role] = None

    for wanted, _ in given:
        need(wanted)
    return Plan(
        roles=tuple(roles),
        grants=tuple(grant for role in roles for grant in _privileges(role, cortex=section.cortex is not None)),
        inherited=tuple(inherited),
        given=tuple(given),
        warehouses=tuple((name, role.name) for role in section.roles for name in dict.fromkeys(role.warehouses)),
        members=tuple((name, role.name) for role in section.roles for name in dict.fromkeys(role.inherits)),
    )


def _wanted(role: SnowflakeRole) -> Iterable[AccessRole]:
    """Access roles that a functional role asks for: of several levels on one scope, the highest."""
    levels: dict[str, Level] = {}
    asked: list[tuple[list[str], Level]] = [(role.reads, "READ"), (role.writes, "WRITE"), (role.builds, "BUILD")]
    for scopes, level in asked:
        for scope in scopes:
            levels[scope] = level
    for scope, level in levels.items():
        database, _, schema = scope.partition(".")
        yield AccessRole(database, schema or None, level)


def _parts(role: AccessRole, schemas: list[str]) -> list[AccessRole]:
    """Access roles whose rights a role has."""
    if role.schema is None:
        return [AccessRole(role.database, schema, role.level) for schema in schemas]
    below = BELOW.get(role.level)
    return [AccessRole(role.database, role.schema, below)] if below else []


def _privileges(role: AccessRole, *, cortex: bool) -> Iterator[Grant]:
    """What a role holds itself. The future comes first: what is created between the two grants is in one of them."""
    if role.schema is None:
        return
    if role.level == "READ":
        yield Grant(role, ("USAGE",), Database())
        yield Grant(role, ("USAGE",), Schema())
    if role.level == "BUILD":
        yield Grant(role, CREATES, Schema())
    kinds = dict(OBJECTS[role.level])
    if cortex and role.level == "READ":
        kinds |= CORTEX_OBJECTS
    for kind, privileges in kinds.items():
        yield Grant(role, privileges, Objects(kind, "future"))
        yield Grant(role, privileges, Objects(kind, "all"))


def _label(*parts: str) -> str:
    return "-".join(parts).lower().replace("_", "-").replace(" ", "-")
