"""Stages, pipes, streams, tasks, dynamic tables, and how Snowflake and AWS come to trust each other."""

import json

import pytest
from support import snowflakes
from support.recorder import record
from support.worlds import environment

from plinth.snowflake.previews import previews

FLOW = snowflakes.FLOW


def build(preview=False, **changes):
    section = snowflakes.section(**{**FLOW, **changes})
    return record(lambda: snowflakes.account(section, environment()), preview=preview)


@pytest.fixture(scope="module")
def recorded():
    return build()


def one(recorded, kind, name=None):
    return recorded.one(f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}", name)


def test_each_side_names_the_other_before_both_are_there(recorded):
    integration = one(recorded, "StorageIntegrationAws").inputs
    assert integration["storageAwsRoleArn"] == "arn:aws:iam::123456789012:role/plinth-dev-snowflake-lake"
    assert integration["storageAllowedLocations"] == ["s3://plinth-lake-1a2b3c4/events/"]
    role = recorded.one("aws:iam/role:Role", "snowflake-lake-role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert role.inputs["name"] == "plinth-dev-snowflake-lake"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::210987654321:user/snow"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "ACME_SFCRole=2_abc="}}
    stage = one(recorded, "StageExternalS3", "snowflake-stage-lake-raw-files")
    assert {"snowflake-lake-policy", "snowflake-format-lake-raw-files"} <= stage.depends_on


def test_snowflake_reads_below_its_prefixes_and_nothing_else(recorded):
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "snowflake-lake-policy").inputs["policy"])
    by_action = {statement["Action"][0]: statement for statement in policy["Statement"]}
    assert by_action["s3:GetObject"]["Resource"] == ["arn:aws:s3:::plinth-lake-1a2b3c4/events/*"]
    assert by_action["s3:ListBucket"]["Condition"] == {"StringLike": {"s3:prefix": ["events/*"]}}
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert not {action for action in actions if action.startswith(("s3:Put", "s3:Delete"))}


def test_a_bucket_tells_the_pipes_queue_of_new_files(recorded):
    pipe = one(recorded, "Pipe")
    assert pipe.inputs["autoIngest"] is True
    assert pipe.inputs["copyStatement"].startswith('COPY INTO "LAKE"."RAW"."EVENTS" FROM @"LAKE"."RAW"."FILES"')
    assert pipe.inputs["errorIntegration"] == "PLINTH_ALARMS"
    (queue,) = recorded.one("aws:s3/bucketNotification:BucketNotification").inputs["queues"]
    assert queue["filterPrefix"] == "events/"
    assert queue["queueArn"] == "arn:aws:sqs:us-east-1:210987654321:sf-snowpipe"
    alert = one(recorded, "Alert").inputs
    assert "SYSTEM$PIPE_STATUS" in alert["condition"] and "PLINTH_ALARMS" in alert["action"]


def test_tables_come_after_the_grants_that_are_theirs(recorded):
    table = one(recorded, "Table")
    assert "snowflake-grant-lake-schema-raw-read-on-all-dynamic-tables" in table.depends_on
    assert [column["nullable"] for column in table.inputs["columns"]] == [False, True, True]


def test_tasks_start_as_asked_and_fail_loudly(recorded):
    first = one(recorded, "Task", "snowflake-task-lake-raw-first").inputs
    second = one(recorded, "Task", "snowflake-task-lake-raw-second").inputs
    assert first["when"] == """SYSTEM$STREAM_HAS_DATA('"LAKE"."RAW"."NEWS"')""" and "schedule" not in first
    assert first["userTaskManagedInitialWarehouseSize"] == "XSMALL" and "warehouse" not in first
    assert (first["errorIntegration"], first["suspendTaskAfterNumFailures"]) == ("PLINTH_ALARMS", 5)
    assert len(second["afters"]) == 1 and "errorIntegration" not in second
    dynamic = one(recorded, "DynamicTable")
    assert dynamic.inputs["targetLag"] == {"maximumDuration": "10 minutes"}
    assert "snowflake-table-lake-raw-events" in dynamic.depends_on


def test_only_the_previews_that_are_used_are_turned_on():
    assert previews(snowflakes.section()) == []
    assert previews(snowflakes.section(tables=[snowflakes.EVENTS])) == ["snowflake_table_resource"]
    assert set(previews(snowflakes.section(**FLOW))) == {
        "snowflake_alert_resource",
        "snowflake_dynamic_table_resource",
        "snowflake_notification_integration_resource",
        "snowflake_pipe_resource",
        "snowflake_table_resource",
    }


def test_everything_is_planned_before_anything_is_known(recorded):
    assert build(preview=True).identities == recorded.identities


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pipes": [{**FLOW["pipes"][0], "stage": "LAKE.RAW.FILEZ"}]}, "names stage LAKE.RAW.FILEZ, which is not one"),
        ({"streams": [{"name": "LAKE.RAW.NEWS", "table": "LAKE.RAW.X"}]}, "names table LAKE.RAW.X, which is not one"),
        ({"tasks": [{"name": "LAKE.RAW.T", "sql": "SELECT 1 + 1"}]}, "task LAKE.RAW.T never runs"),
        ({"tasks": [{"name": "LAKE.RAW.T", "sql": "SELECT (1", "cron": "1 1 * * * UTC"}]}, "1 parentheses are opened"),
        ({"tasks": [{"name": "LAKE.RAW.T", "sql": "SELECT 1;", "cron": "1 1 * * * UTC"}]}, "must be one statement"),
        ({"tasks": [{"name": "LAKE.RAW.T", "sql": "SELECT 'a", "cron": "1 1 * * * UTC"}]}, "a string is not closed"),
        ({"tables": [{**snowflakes.EVENTS, "tenant_column": "OWNER"}]}, "has no column OWNER"),
        (
            {"tables": [{**snowflakes.EVENTS, "name": "LAKE.COLD.EVENTS"}]},
            "is in schema LAKE.COLD, which is not one of",
        ),
        (
            {
                "stages": [*FLOW["stages"], {**FLOW["stages"][0], "name": "LAKE.RAW.MORE", "prefix": "events/a/"}],
                "pipes": [*FLOW["pipes"], {**FLOW["pipes"][0], "name": "LAKE.RAW.L2", "stage": "LAKE.RAW.MORE"}],
            },
            "pipes load both events/ and events/a/",
        ),
    ],
)
def test_a_mistake_says_what_is_allowed(changes, message):
    with pytest.raises(ValueError, match=message):
        snowflakes.section(**{**FLOW, **changes})
