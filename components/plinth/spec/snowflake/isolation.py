"""Whether tenants' rows stay apart, as far as the section `snowflake` says what becomes of them."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plinth.spec.snowflake.section import Snowflake


def mistakes(section: "Snowflake") -> Iterator[str]:
    """What would show a tenant's rows to another, in words."""
    kept_apart = [table.name for table in section.tables if table.tenant_column]
    kept_apart += [table.name for table in section.dynamic_tables if table.tenant_column]
    if kept_apart:
        yield from _roles(section)
        yield from _results(section, kept_apart)


def _roles(section: "Snowflake") -> Iterator[str]:
    """No tenant's role has the rights of another's, nor of one that sees everything."""
    parents = {role.name: set(role.inherits) for role in section.roles}
    everything = {role.name for role in section.roles if role.all_tenants}
    owners: dict[str, str] = {}
    for user in section.users:
        if user.tenant is None:
            continue
        first = owners.setdefault(user.role, user.tenant)
        if first != user.tenant:
            yield f"tenants {first} and {user.tenant} share role {user.role}, and so would see one another's rows"
    for role, tenant in owners.items():
        reached, more = set[str](), {role}
        while more:
            reached |= more
            more = {further for name in more for further in parents.get(name, set[str]())} - reached
        for name in sorted(reached & (everything | (owners.keys() - {role}))):
            yield f"role {role} of tenant {tenant} has the rights of {name}, and so would see others' rows"


def _results(section: "Snowflake", kept_apart: list[str]) -> Iterator[str]:
    """Snowflake makes dynamic tables and search indexes with the owner's rights: they have every tenant's rows."""
    for dynamic in section.dynamic_tables:
        for table in _named(dynamic.query, kept_apart):
            if not dynamic.tenant_column and not dynamic.across_tenants:
                yield (
                    f"dynamic table {dynamic.name} is made from {table}, which keeps tenants apart: give it a"
                    " tenant_column, or say across_tenants: true where its rows are nobody's in particular"
                )
    for search in section.cortex.search if section.cortex else ():
        for table in _named(search.query, kept_apart):
            yield (
                f"search service {search.name} is made from {table}, which keeps tenants apart: who searches would find"
                " every tenant's rows"
            )


def _named(query: str, tables: list[str]) -> Iterator[str]:
    text = query.upper().replace('"', "")
    for table in tables:
        if re.search(rf"(?<![\w.$]){re.escape(table)}(?![\w$])", text):
            yield table
