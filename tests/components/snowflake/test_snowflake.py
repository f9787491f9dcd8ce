from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment, spec

from plinth.snowflake import grants
from plinth.snowflake.account import SnowflakeAccount
from plinth.spec.snowflake import Snowflake, SnowflakeDatabase, SnowflakeRole, SnowflakeWarehouse

DATABASES = [SnowflakeDatabase(name=n, schemas=["RAW", "MARTS"]) for n in ("LAKE", "SHARED")]
WAREHOUSES = [SnowflakeWarehouse(name=n, monthly_credits=10) for n in ("BI_WH", "ML_WH")]
SECTION = Snowflake(
    organization="ACME",
    account="AI",
    databases=DATABASES,
    warehouses=WAREHOUSES,
    roles=[
        SnowflakeRole(name="ANALYST", warehouses=["BI_WH"], reads=["SHARED"]),
        SnowflakeRole(name="ML_ENGINEER", warehouses=["ML_WH"], reads=["LAKE", "SHARED"], writes=["LAKE"]),
    ],
)
GRANT = "snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole"


def build(stage="development", section=SECTION):
    return lambda: SnowflakeAccount("snowflake", section, environment=environment(stage))


@pytest.fixture(scope="module")
def recorded():
    return record(build())


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("identities.json"))
    assert record(build(), preview=True).identities == recorded.identities


def test_every_warehouse_has_a_limit_and_stops_when_idle(recorded):
    monitors = {m.inputs["name"]: m.inputs for m in recorded.of("snowflake:index/resourceMonitor:ResourceMonitor")}
    for warehouse in recorded.of("snowflake:index/warehouse:Warehouse"):
        monitor = monitors[warehouse.inputs["resourceMonitor"]]
        assert (monitor["creditQuota"], monitor["frequency"]) == (10, "MONTHLY")
        assert (monitor["notifyTriggers"], monitor["suspendTrigger"], monitor["suspendImmediateTrigger"]) == (
            [80],
            100,
            110,
        )
        assert warehouse.inputs["autoSuspend"] == 60
        assert warehouse.inputs["initiallySuspended"] is True


def test_schemas_have_managed_access_and_databases_no_public_one(recorded):
    assert all(d.inputs["dropPublicSchemaOnCreation"] for d in recorded.of("snowflake:index/database:Database"))
    assert all(s.inputs["withManagedAccess"] == "true" for s in recorded.of("snowflake:index/schema:Schema"))


def test_roles_belong_to_sysadmin_and_nobody_gets_more(recorded):
    grants_of_roles = recorded.of("snowflake:index/grantAccountRole:GrantAccountRole")
    assert {g.inputs["parentRoleName"] for g in grants_of_roles} == {"SYSADMIN"}
    assert {g.inputs["roleName"] for g in grants_of_roles} == {"ANALYST", "ML_ENGINEER"}
    for resource in recorded.resources:
        assert "ACCOUNTADMIN" not in str(resource.inputs)


def test_fixed_names_are_deleted_before_they_are_made_again(recorded):
    assert all(r.delete_before_replace for r in recorded.resources if r.custom)


@pytest.mark.parametrize(
    ("stage", "protect", "retain"),
    [("development", False, False), ("staging", True, False), ("production", True, True)],
)
def test_databases_are_as_hard_to_lose_as_the_stage_says(stage, protect, retain):
    recorded = record(build(stage))
    for kind in ("database:Database", "schema:Schema"):
        for resource in recorded.of(f"snowflake:index/{kind}"):
            assert (resource.protect, resource.retain_on_delete) == (protect, retain)


def test_grants_name_their_objects_as_snowflake_does(recorded):
    by_name = {g.name: g.inputs for g in recorded.of(GRANT)}
    schema = by_name["snowflake-grant-ml-engineer-schema-lake-raw"]
    assert schema["onSchema"] == {"schemaName": '"LAKE"."RAW"'}
    assert schema["privileges"] == ["USAGE", "CREATE TABLE"]
    tables = by_name["snowflake-grant-ml-engineer-future-tables-lake"]
    assert tables["onSchemaObject"] == {"future": {"objectTypePlural": "TABLES", "inDatabase": "LAKE"}}
    warehouse = by_name["snowflake-grant-analyst-warehouse-bi-wh"]
    assert warehouse["onAccountObject"] == {"objectType": "WAREHOUSE", "objectName": "BI_WH"}


def test_several_clusters_are_asked_for_only_where_wanted():
    wide = SECTION.model_copy(
        update={"warehouses": [WAREHOUSES[0].model_copy(update={"max_clusters": 3}), WAREHOUSES[1]]}
    )
    inputs = {w.inputs["name"]: w.inputs for w in record(build(section=wide)).of("snowflake:index/warehouse:Warehouse")}
    assert (inputs["BI_WH"]["minClusterCount"], inputs["BI_WH"]["maxClusterCount"]) == (1, 3)
    assert "maxClusterCount" not in inputs["ML_WH"]


@st.composite
def sections(draw):
    def some(of):
        return draw(st.lists(st.sampled_from([item.name for item in of]), unique=True))

    roles = [
        SnowflakeRole(name=name, warehouses=some(WAREHOUSES), reads=some(DATABASES), writes=some(DATABASES))
        for name in draw(st.lists(st.sampled_from(["ANALYST", "ML_ENGINEER", "INGEST"]), unique=True))
    ]
    return SECTION.model_copy(update={"roles": roles})


WRITING = {"INSERT", "UPDATE", "DELETE", "CREATE TABLE"}


@given(sections())
def test_no_role_gets_more_than_its_section_says(section):
    plan = grants.plan(section)
    roles = {role.name: role for role in section.roles}
    for grant in plan:
        role = roles[grant.role]
        match grant.on:
            case grants.Warehouse(name):
                assert name in role.warehouses
                assert grant.privileges == ("USAGE",)
            case grants.Database(database) | grants.Schema(database) | grants.Objects(database):
                assert database in {*role.reads, *role.writes}
                if WRITING & set(grant.privileges):
                    assert database in role.writes
    assert len({grant.label for grant in plan}) == len(plan)


@given(sections())
def test_every_role_gets_all_that_its_section_says(section):
    plan = grants.plan(section)
    for role in section.roles:
        mine = [grant for grant in plan if grant.role == role.name]
        assert {g.on.name for g in mine if isinstance(g.on, grants.Warehouse)} == set(role.warehouses)
        for database in {*role.reads, *role.writes}:
            tables = {
                g.on.when: set(g.privileges)
                for g in mine
                if isinstance(g.on, grants.Objects) and g.on.database == database and g.on.kind == "TABLES"
            }
            assert set(tables) == {"all", "future"}
            for privileges in tables.values():
                assert "SELECT" in privileges
                assert ({"INSERT", "UPDATE", "DELETE"} <= privileges) is (database in role.writes)
            schemas = {g.on.name for g in mine if isinstance(g.on, grants.Schema) and g.on.database == database}
            assert schemas == {"RAW", "MARTS"}


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_labels_of_the_checkouts_own_environments_are_unique(name):
    plan = grants.plan(spec(name).snowflake)
    assert len({grant.label for grant in plan}) == len(plan) > 0
