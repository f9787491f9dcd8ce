"""Who reaches what, by following every inheritance of the plan of grants."""

import pytest
from hypothesis import given
from support import snowflakes, worlds

from plinth.snowflake import grants

CHANGES = {"INSERT", "UPDATE", "DELETE"}


def closure(section, role):
    """The role and all that it inherits, by the spec alone."""
    roles = {each.name: each for each in section.roles}
    found, more = {role}, set(roles[role].inherits)
    while more - found:
        found |= more
        more = {further for name in more for further in roles[name].inherits}
    return [roles[name] for name in found]


def schemas(section, scopes):
    return {
        f"{database.name}.{schema}"
        for database in section.databases
        for schema in database.schemas
        if {database.name, f"{database.name}.{schema}"} & set(scopes)
    }


def asked(section, role):
    """Schemas that a role may read, write and build in, by the spec alone."""
    each = closure(section, role)
    builds = schemas(section, [scope for one in each for scope in one.builds])
    writes = builds | schemas(section, [scope for one in each for scope in one.writes])
    reads = writes | schemas(section, [scope for one in each for scope in one.reads])
    return reads, writes, builds


@given(snowflakes.sections())
def test_a_role_reaches_what_it_was_given_and_nothing_else(section):
    reached = snowflakes.reach(grants.plan(section))
    for role in section.roles:
        reads, writes, builds = asked(section, role.name)
        rights = reached.get(role.name, set())
        for kind in ("TABLES", "VIEWS", "DYNAMIC TABLES"):
            for when in ("all", "future"):
                assert {where for where, what, each in rights if (what, each) == (f"{when} {kind}", "SELECT")} == reads
        for place in ("database", "schema"):
            assert {where for where, what, each in rights if (what, each) == (place, "USAGE")} == reads
        for privilege in CHANGES:
            assert {where for where, _, each in rights if each == privilege} == writes
        assert {where for where, what, _ in rights if what.endswith("STREAMS")} == writes
        assert {where for where, _, each in rights if each.startswith("CREATE ")} == builds
        known = CHANGES | {"SELECT", "USAGE"} | set(grants.CREATES)
        assert {each for _, _, each in rights} <= known


@given(snowflakes.sections())
def test_nothing_is_granted_on_a_whole_database_and_nothing_twice(section):
    plan = grants.plan(section)
    assert all(grant.role.schema is not None for grant in plan.grants)
    labels = [grant.label for grant in plan.grants]
    assert len(set(labels)) == len(labels)
    assert len(set(plan.roles)) == len(plan.roles) and len(set(plan.inherited)) == len(plan.inherited)
    assert len(set(plan.given)) == len(plan.given)


@given(snowflakes.sections())
def test_every_access_role_is_used_and_made_after_what_it_inherits(section):
    plan = grants.plan(section)
    used = {child for child, _ in [*plan.inherited, *plan.given]}
    assert set(plan.roles) == used
    place = {role: index for index, role in enumerate(plan.roles)}
    assert all(place[part] < place[whole] and part.database == whole.database for part, whole in plan.inherited)


@given(snowflakes.sections())
def test_warehouses_are_used_by_whom_the_spec_names(section):
    wanted = {(name, role.name) for role in section.roles for name in role.warehouses}
    assert set(grants.plan(section).warehouses) == wanted


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_labels_of_the_checkouts_own_environments_are_unique(name):
    plan = grants.plan(worlds.spec(name).snowflake)
    assert len({grant.label for grant in plan.grants}) == len(plan.grants) > 0


def test_an_analyst_of_production_cannot_read_raw_data():
    reached = snowflakes.reach(grants.plan(worlds.spec("prod").snowflake))
    assert {where for where, _, _ in reached["ANALYST"]} == {"PLINTH_SHARED.MARTS"}
    assert {where for where, _, each in reached["INGEST"] if each == "INSERT"} == {"PLINTH.RAW"}


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ([{"name": "A", "reads": ["LAKE.MARTZ"]}], "uses schema LAKE.MARTZ, which is not one of"),
        ([{"name": "A", "reads": ["POND"]}], "uses database POND, which is not one of"),
        ([{"name": "A", "inherits": ["B"]}], "inherits B, which is not one of"),
        ([{"name": "A", "inherits": ["B"]}, {"name": "B", "inherits": ["A"]}], "role A inherits itself"),
        ([{"name": "A"}, {"name": "A"}], "roles has A twice"),
    ],
)
def test_a_mistake_in_a_role_says_what_is_allowed(roles, message):
    with pytest.raises(ValueError, match=message):
        snowflakes.section(roles=roles)
