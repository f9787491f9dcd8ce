"""Cortex: who may call what, and what workloads are told about it."""

import pytest
from support import snowflakes
from support.recorder import record
from support.worlds import environment, spec

from plinth.snowflake.connection import connection, readable
from plinth_runtime.warehouse.config import WarehouseConfig

CORTEX = {
    "roles": ["ANALYST"],
    "models": ["mistral-large2", "claude-sonnet-4-5", "snowflake-arctic-embed-l-v2.0"],
    "search": [
        {
            "name": "SHARED.MARTS.HANDBOOK_SEARCH",
            "query": "SELECT BODY, PRODUCT FROM SHARED.MARTS.HANDBOOK",
            "text_column": "BODY",
            "attributes": ["PRODUCT"],
            "warehouse": "BI_WH",
        }
    ],
    "semantic_views": [
        {
            "name": "LAKE.MARTS.SALES",
            "tables": [{"alias": "ORDERS", "table": "LAKE.RAW.ORDERS", "primary_key": ["ID"]}],
            "metrics": [{"name": "ORDERS.TOTAL", "sql": "SUM(ORDERS.AMOUNT)"}],
        }
    ],
    "budget": {"monthly_credits": 100, "notify": ["finops@acme.example.com"]},
}
ORDERS = {
    "name": "LAKE.RAW.ORDERS",
    "columns": [{"name": "ID", "type": "VARCHAR"}, {"name": "AMOUNT", "type": "FLOAT"}],
}


def section(**changes):
    return snowflakes.section(**{"cortex": CORTEX, "tables": [ORDERS], **changes})


@pytest.fixture(scope="module")
def recorded():
    return record(lambda: snowflakes.account(section(), environment()))


def test_cortex_is_for_the_roles_that_are_named_and_nobody_else(recorded):
    given = recorded.one("snowflake:index/grantDatabaseRole:GrantDatabaseRole", "snowflake-cortex-user-analyst").inputs
    assert given == {"databaseRoleName": '"SNOWFLAKE"."CORTEX_USER"', "parentRoleName": "ANALYST"}
    public = recorded.one("snowflake:index/execute:Execute", "snowflake-cortex-public").inputs
    assert public["execute"] == "REVOKE DATABASE ROLE SNOWFLAKE.CORTEX_USER FROM ROLE PUBLIC"
    assert public["revert"] == "GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE PUBLIC"
    models = recorded.one("snowflake:index/accountParameter:AccountParameter").inputs
    assert models == {
        "key": "CORTEX_MODELS_ALLOWLIST",
        "value": "claude-sonnet-4-5,mistral-large2,snowflake-arctic-embed-l-v2.0",
    }


def test_search_and_semantic_views_are_made_as_asked(recorded):
    search = recorded.one("snowflake:index/cortexSearchService:CortexSearchService").inputs
    assert (search["on"], search["attributes"], search["targetLag"]) == ("BODY", ["PRODUCT"], "1 hours")
    view = recorded.one("snowflake:index/semanticView:SemanticView").inputs
    assert view["metrics"][0]["semanticExpression"]["qualifiedExpressionName"] == '"ORDERS"."TOTAL"'
    assert view["tables"][0]["tableName"] == '"LAKE"."RAW"."ORDERS"'


def test_the_budget_is_turned_on_before_it_is_set(recorded):
    last = recorded.one("snowflake:index/execute:Execute", "snowflake-cortex-budget-notify")
    assert "snowflake-cortex-budget-limit" in last.depends_on
    limit = recorded.one("snowflake:index/execute:Execute", "snowflake-cortex-budget-limit")
    assert "SET_SPENDING_LIMIT(100)" in limit.inputs["execute"]


def told(role, **changes):
    users = [{"name": "SERVICE", "role": role}]
    whole = section(users=users, **changes)
    return connection(whole, environment(), whole.users[0]).endpoint


def test_a_workload_is_told_what_its_role_may_use():
    analyst = told("ANALYST")
    assert (analyst.account, analyst.user, analyst.role) == ("ACME-AI", "SERVICE", "ANALYST")
    assert {workload: each.normal for workload, each in analyst.warehouses.items()} == dict.fromkeys(
        ["bi", "ml", "ingest", "applications"], "BI_WH"
    )
    assert (analyst.database, analyst.schema_name) == ("SHARED", "AUDIT")
    assert analyst.cortex.complete_model == "mistral-large2"
    assert analyst.cortex.embed_model == "snowflake-arctic-embed-l-v2.0"
    # It reads SHARED, and not LAKE, where the semantic view is.
    assert analyst.cortex.search_services == {"handbook-search": "SHARED.MARTS.HANDBOOK_SEARCH"}
    assert analyst.cortex.semantic_views == {}
    assert told("INGEST").cortex.complete_model is None


def test_readable_follows_every_inheritance():
    assert readable(section(), "INGEST") == {"LAKE.RAW"}
    assert readable(section(), "ML_ENGINEER") == {
        "LAKE.RAW",
        "LAKE.MARTS",
        "SHARED.RAW",
        "SHARED.MARTS",
        "SHARED.AUDIT",
    }
    assert readable(section(), "NOBODY") == set()


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_what_is_rendered_is_what_the_client_reads(name):
    whole = spec(name)
    for user in whole.snowflake.users:
        text = connection(whole.snowflake, whole.environment, user).model_dump_json()
        endpoint = WarehouseConfig.model_validate_json(text).endpoint
        assert endpoint.keys[0].file == "/etc/plinth/warehouse-key/private-key.pem"
