"""Whether the parts of the section `snowflake` know one another."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from plinth.spec.snowflake import isolation
from plinth.spec.snowflake.names import schema_of

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
    yield from _places(section)
    yield from _flow(section)
    yield from isolation.mistakes(section)
    yield from _cortex(section)


def _twice(section: "Snowflake") -> Iterator[str]:
    lists = {
        "databases": section.databases,
        "warehouses": section.warehouses,
        "roles": section.roles,
        "users": section.users,
        "tables": section.tables,
        "stages": section.stages,
        "pipes": section.pipes,
        "streams": section.streams,
        "tasks": section.tasks,
        "dynamic_tables": section.dynamic_tables,
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


def _places(section: "Snowflake") -> Iterator[str]:
    """Every object is in a schema of the section, and no two relations of a schema have one name."""
    relations = [*section.tables, *section.dynamic_tables]
    for entry in (*relations, *section.stages, *section.pipes, *section.streams, *section.tasks):
        if schema_of(entry.name) not in section.scopes:
            yield f"{entry.name} is in schema {schema_of(entry.name)}, which is not one of {sorted(section.scopes)}"
    names = [entry.name for entry in relations]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is both a table and a dynamic table"


def _flow(section: "Snowflake") -> Iterator[str]:
    tables = {table.name for table in section.tables}
    stages, streams = {stage.name for stage in section.stages}, {stream.name for stream in section.streams}
    warehouses = {warehouse.name for warehouse in section.warehouses}
    for pipe in section.pipes:
        yield from _known(f"pipe {pipe.name}", "stage", pipe.stage, stages)
        yield from _known(f"pipe {pipe.name}", "table", pipe.table, tables)
    loaded = [pipe.stage for pipe in section.pipes]
    for stage in sorted({stage for stage in loaded if loaded.count(stage) > 1}):
        yield f"stage {stage} has two pipes: S3 tells of a new file once, so give each a prefix of its own"
    watched = sorted((stage.bucket, stage.prefix) for stage in section.stages if stage.name in loaded)
    for (bucket, prefix), (other, further) in pairwise(watched):
        if bucket == other and further.startswith(prefix):
            yield f"pipes load both {prefix} and {further} of bucket {bucket}: S3 tells of a new file once"
    for stream in section.streams:
        yield from _known(f"stream {stream.name}", "table", stream.table, tables)
    for dynamic in section.dynamic_tables:
        yield from _known(f"dynamic table {dynamic.name}", "warehouse", dynamic.warehouse, warehouses)
    before = set[str]()
    for task in section.tasks:
        if task.stream:
            yield from _known(f"task {task.name}", "stream", task.stream, streams)
        if task.warehouse:
            yield from _known(f"task {task.name}", "warehouse", task.warehouse, warehouses)
        if task.after:
            yield from _known(f"task {task.name}", "earlier task", task.after, before)
            if schema_of(task.after) != schema_of(task.name):
                yield f"task {task.name} is in another schema than {task.after}, after which it runs"
        before.add(task.name)


def _known(who: str, kind: str, name: str, known: set[str]) -> Iterator[str]:
    if name not in known:
        yield f"{who} names {kind} {name}, which is not one of {sorted(known)}"


def _cortex(section: "Snowflake") -> Iterator[str]:
    if section.cortex is None:
        return
    roles, warehouses = {role.name for role in section.roles}, {warehouse.name for warehouse in section.warehouses}
    relations = {entry.name for entry in (*section.tables, *section.dynamic_tables)}
    for name in section.cortex.roles:
        yield from _known("cortex", "role", name, roles)
    for search in section.cortex.search:
        yield from _known(f"search service {search.name}", "warehouse", search.warehouse, warehouses)
    for entry in (*section.cortex.search, *section.cortex.semantic_views):
        yield from _known(
            entry.name, "schema", schema_of(entry.name), {scope for scope in section.scopes if "." in scope}
        )
    for view in section.cortex.semantic_views:
        aliases = {table.alias for table in view.tables}
        for table in view.tables:
            yield from _known(f"semantic view {view.name}", "table", table.table, relations)
        for column in (*view.dimensions, *view.metrics):
            yield from _known(f"semantic view {view.name}", "alias", column.name.partition(".")[0], aliases)
