from pathlib import Path

import pytest
from support import snowflakes
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.snowflake.warehouses import HABITS

SECTION = snowflakes.section()
GRANT = "snowflake:index/grantPrivilegesToDatabaseRole:GrantPrivilegesToDatabaseRole"


def build(stage="development", section=SECTION):
    return lambda: snowflakes.account(section, environment(stage))


@pytest.fixture(scope="module")
def recorded():
    return record(build())


def warehouse(recorded, name):
    found = recorded.of("snowflake:index/warehouse:Warehouse")
    return next(each.inputs for each in found if each.inputs["name"] == name)


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("identities.json"))
    assert record(build(), preview=True).identities == recorded.identities


def test_every_warehouse_has_a_limit_and_stops_when_idle(recorded):
    monitors = {m.inputs["name"]: m.inputs for m in recorded.of("snowflake:index/resourceMonitor:ResourceMonitor")}
    for each in recorded.of("snowflake:index/warehouse:Warehouse"):
        monitor = monitors[each.inputs["resourceMonitor"]]
        assert (monitor["creditQuota"], monitor["frequency"]) == (10, "MONTHLY")
        triggers = [monitor[name] for name in ("notifyTriggers", "suspendTrigger", "suspendImmediateTrigger")]
        assert triggers == [[80], 100, 110]
        assert each.inputs["autoSuspend"] == 60
        assert each.inputs["initiallySuspended"] is True


def test_a_warehouse_behaves_as_its_workload_does_unless_told_otherwise(recorded):
    def timeouts(inputs):
        return inputs["statementTimeoutInSeconds"], inputs["statementQueuedTimeoutInSeconds"]

    assert timeouts(warehouse(recorded, "BI_WH")) == (600, 120)
    assert timeouts(warehouse(recorded, "ML_WH")) == (14_400, 3_600)
    changed = [
        {**each, "statement_timeout_seconds": 30, "queued_timeout_seconds": 7}
        for each in snowflakes.document()["warehouses"]
    ]
    assert timeouts(warehouse(record(build(section=snowflakes.section(warehouses=changed))), "ML_WH")) == (30, 7)


def test_what_needs_the_enterprise_edition_is_asked_for_only_where_wanted(recorded):
    wide, plain = snowflakes.document()["warehouses"]
    wide |= {"max_clusters": 3, "acceleration": 4, "concurrency": 12}
    found = record(build(section=snowflakes.section(warehouses=[wide, plain])))
    inputs = warehouse(found, "BI_WH")
    assert (inputs["minClusterCount"], inputs["maxClusterCount"], inputs["scalingPolicy"]) == (1, 3, "STANDARD")
    assert (inputs["enableQueryAcceleration"], inputs["queryAccelerationMaxScaleFactor"]) == ("true", 4)
    assert inputs["maxConcurrencyLevel"] == 12
    asked = {"minClusterCount", "maxClusterCount", "scalingPolicy", "enableQueryAcceleration", "maxConcurrencyLevel"}
    assert not asked & warehouse(found, "ML_WH").keys()


def test_services_that_answer_users_never_wait_long():
    assert HABITS["applications"].queued_timeout_seconds < HABITS["bi"].queued_timeout_seconds
    assert all(each.queued_timeout_seconds <= each.statement_timeout_seconds for each in HABITS.values())


def test_triggers_out_of_order_are_refused():
    (first, second) = snowflakes.document()["warehouses"]
    with pytest.raises(ValueError, match="suspend_percent 120 is above stop_percent 110"):
        snowflakes.section(warehouses=[{**first, "suspend_percent": 120}, second])


def test_schemas_have_managed_access_and_databases_no_public_one(recorded):
    assert all(d.inputs["dropPublicSchemaOnCreation"] for d in recorded.of("snowflake:index/database:Database"))
    assert all(s.inputs["withManagedAccess"] == "true" for s in recorded.of("snowflake:index/schema:Schema"))


def test_functional_roles_belong_to_sysadmin_and_nobody_gets_more(recorded):
    found = recorded.of("snowflake:index/grantAccountRole:GrantAccountRole")
    pairs = {(grant.inputs["roleName"], grant.inputs["parentRoleName"]) for grant in found}
    roles = [role.name for role in SECTION.roles]
    assert pairs == {*((role, "SYSADMIN") for role in roles), ("ANALYST", "ML_ENGINEER")}
    for resource in recorded.resources:
        assert "ACCOUNTADMIN" not in str(resource.inputs)


def test_privileges_go_to_access_roles_alone(recorded):
    direct = recorded.of("snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole")
    assert {grant.inputs["onAccountObject"]["objectType"] for grant in direct} == {"WAREHOUSE"}
    assert not [grant for grant in recorded.of(GRANT) if grant.inputs.get("withGrantOption")]


def test_fixed_names_are_deleted_before_they_are_made_again(recorded):
    ours = [each for each in recorded.resources if each.type.startswith("snowflake:")]
    assert ours and all(each.delete_before_replace for each in ours)


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
    by_name = {g.name: g for g in recorded.of(GRANT)}
    schema = by_name["snowflake-grant-lake-schema-marts-build-on-schema"].inputs
    assert schema["databaseRoleName"] == '"LAKE"."SCHEMA_MARTS_BUILD"'
    assert schema["onSchema"] == {"schemaName": '"LAKE"."MARTS"'}
    assert "CREATE TABLE" in schema["privileges"]
    future = by_name["snowflake-grant-lake-schema-raw-write-on-future-tables"]
    assert future.inputs["onSchemaObject"] == {"future": {"objectTypePlural": "TABLES", "inSchema": '"LAKE"."RAW"'}}
    # What is created between the two grants is in one of them.
    assert future.name in by_name["snowflake-grant-lake-schema-raw-write-on-all-tables"].depends_on


def test_access_roles_are_inherited_as_planned(recorded):
    found = recorded.of("snowflake:index/grantDatabaseRole:GrantDatabaseRole")
    by_name = {grant.name: grant.inputs for grant in found}
    assert by_name["snowflake-grant-lake-schema-raw-read-to-schema-raw-write"] == {
        "databaseRoleName": '"LAKE"."SCHEMA_RAW_READ"',
        "parentDatabaseRoleName": '"LAKE"."SCHEMA_RAW_WRITE"',
    }
    assert by_name["snowflake-grant-lake-schema-raw-write-to-role-ingest"] == {
        "databaseRoleName": '"LAKE"."SCHEMA_RAW_WRITE"',
        "parentRoleName": "INGEST",
    }
