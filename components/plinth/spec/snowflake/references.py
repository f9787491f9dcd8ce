"""Whether the parts of the section `snowflake` know one another."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plinth.spec.snowflake.section import Snowflake

RESERVED = ("ACCOUNTADMIN", "ORGADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC")
"""Roles that every account has; none can be made again, and no service user gets one."""

KEY_ROTATOR = "PLINTH_KEY_ROTATOR"
"""Name of the user, and of its role, that replaces the keys of service users."""


def mistakes(section: "Snowflake") -> Iterator[str]:
    """What does not fit together, in words."""
    yield from _twice(section)
    yield from _roles(section)
    yield from _circles(section)
    yield from _users(section)


def _twice(section: "Snowflake") -> Iterator[str]:
    lists = {
        "databases": section.databases,
        "warehouses": section.warehouses,
        "roles": section.roles,
        "users": section.users,
    }
    for kind, entries in lists.items():
        names = [entry.name for entry in entries]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{kind} has {name} twice"
    for database in section.databases:
        for name in sorted({name for name in database.schemas if database.schemas.count(name) > 1}):
            yield f"database {database.name} has schema {name} twice"
        if database.name == section.governance_database:
            yield f"database {database.name} is the governance database, which is the platform's own: use another name"


def _roles(section: "Snowflake") -> Iterator[str]:
    warehouses = {warehouse.name for warehouse in section.warehouses}
    roles = {role.name for role in section.roles}
    for role in section.roles:
        if role.name in (*RESERVED, KEY_ROTATOR):
            yield f"role {role.name} is not yours to make: use another name"
        for name in sorted(set(role.warehouses) - warehouses):
            yield f"role {role.name} uses warehouse {name}, which is not one of {sorted(warehouses)}"
        for scope in sorted({*role.reads, *role.writes, *role.builds} - set(section.scopes)):
            kind = "schema" if "." in scope else "database"
            yield f"role {role.name} uses {kind} {scope}, which is not one of {sorted(section.scopes)}"
        for name in sorted(set(role.inherits) - roles):
            yield f"role {role.name} inherits {name}, which is not one of {sorted(roles)}"


def _circles(section: "Snowflake") -> Iterator[str]:
    parents = {role.name: role.inherits for role in section.roles}
    for role in section.roles:
        reached, more = set[str](), set(role.inherits)
        while more:
            reached |= more
            more = {further for name in more for further in parents.get(name, [])} - reached
        if role.name in reached:
            yield f"role {role.name} inherits itself"
            return


def _users(section: "Snowflake") -> Iterator[str]:
    roles = {role.name: role for role in section.roles}
    for user in section.users:
        if user.name in (section.user, KEY_ROTATOR):
            yield f"user {user.name} is the platform's own: use another name"
        role = roles.get(user.role)
        if role is None:
            yield f"user {user.name} has role {user.role}, which is not one of {sorted(roles)}"
        elif not role.warehouses:
            yield f"user {user.name} has role {user.role}, which may use no warehouse: list one in its warehouses"
        elif user.warehouse and user.warehouse not in role.warehouses:
            yield f"user {user.name} uses warehouse {user.warehouse}, which is not one of {role.warehouses}"
    given = [user.tenant for user in section.users if user.tenant]
    for tenant in sorted({tenant for tenant in given if given.count(tenant) > 1}):
        yield f"users has two for tenant {tenant}: a tenant has one, with the role that its workloads need"
