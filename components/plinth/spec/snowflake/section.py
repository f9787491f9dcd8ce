"""The section `snowflake` of the spec."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model
from plinth.spec.snowflake.access import SnowflakeRole
from plinth.spec.snowflake.names import AccountPart, SnowflakeName
from plinth.spec.snowflake.store import SnowflakeDatabase
from plinth.spec.snowflake.warehouses import SnowflakeWarehouse


class Snowflake(Model):
    """What the platform owns in a Snowflake account."""

    organization: AccountPart
    """Snowflake organization name."""

    account: AccountPart
    """Snowflake account name within the organization."""

    user: SnowflakeName = "PLINTH_PROVISIONER"
    """Service user that provisions; it signs in with a key pair, and its role owns what is made."""

    databases: Annotated[list[SnowflakeDatabase], Field(min_length=1)]
    """Databases."""

    warehouses: Annotated[list[SnowflakeWarehouse], Field(min_length=1)]
    """Warehouses, one for each kind of work."""

    roles: list[SnowflakeRole] = []
    """Functional roles. Nobody is granted ACCOUNTADMIN."""

    @property
    def scopes(self) -> list[str]:
        """Everything that a role can be let in to: databases, and their schemas as DATABASE.SCHEMA."""
        schemas = [f"{database.name}.{schema}" for database in self.databases for schema in database.schemas]
        return [*(database.name for database in self.databases), *schemas]

    @model_validator(mode="after")
    def _references(self) -> Self:
        for mistake in (*_twice(self), *_unknown(self), *_circles(self)):
            raise ValueError(mistake)
        return self


def _twice(section: Snowflake) -> Iterator[str]:
    lists = {"databases": section.databases, "warehouses": section.warehouses, "roles": section.roles}
    for kind, entries in lists.items():
        names = [entry.name for entry in entries]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{kind} has {name} twice"
    for database in section.databases:
        for name in sorted({name for name in database.schemas if database.schemas.count(name) > 1}):
            yield f"database {database.name} has schema {name} twice"


def _unknown(section: Snowflake) -> Iterator[str]:
    warehouses = {warehouse.name for warehouse in section.warehouses}
    roles = {role.name for role in section.roles}
    for role in section.roles:
        for name in sorted(set(role.warehouses) - warehouses):
            yield f"role {role.name} uses warehouse {name}, which is not one of {sorted(warehouses)}"
        for scope in sorted({*role.reads, *role.writes, *role.builds} - set(section.scopes)):
            kind = "schema" if "." in scope else "database"
            yield f"role {role.name} uses {kind} {scope}, which is not one of {sorted(section.scopes)}"
        for name in sorted(set(role.inherits) - roles):
            yield f"role {role.name} inherits {name}, which is not one of {sorted(roles)}"


def _circles(section: Snowflake) -> Iterator[str]:
    parents = {role.name: role.inherits for role in section.roles}
    for role in section.roles:
        reached, more = set[str](), set(role.inherits)
        while more:
            reached |= more
            more = {further for name in more for further in parents.get(name, [])} - reached
        if role.name in reached:
            yield f"role {role.name} inherits itself"
            return
