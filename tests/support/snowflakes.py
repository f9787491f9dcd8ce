"""Snowflake sections for tests, and what roles reach once a plan of grants is carried out."""

from collections import defaultdict
from typing import Any

import pulumi
from hypothesis import strategies as st

from plinth.network.vpc import Network
from plinth.snowflake import grants
from plinth.snowflake.account import SnowflakeAccount
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec.environment import Environment
from plinth.spec.network import Network as NetworkSection
from plinth.spec.snowflake import Snowflake

DATABASES = {"LAKE": ["RAW", "MARTS"], "SHARED": ["RAW", "MARTS", "AUDIT"]}
IMAGE = "registry.example.com/plinth-runtime@sha256:" + "0" * 64
ROLES = ["ANALYST", "ML_ENGINEER", "INGEST", "AUDITOR"]
SCOPES = [*DATABASES, *(f"{database}.{schema}" for database, schemas in DATABASES.items() for schema in schemas)]


EVENTS: dict[str, Any] = {
    "name": "LAKE.RAW.EVENTS",
    "columns": [
        {"name": "TENANT", "type": "VARCHAR", "required": True},
        {"name": "EMAIL", "type": "VARCHAR", "data_class": "confidential"},
        {"name": "AMOUNT", "type": "NUMBER(18,2)", "data_class": "restricted"},
    ],
    "tenant_column": "TENANT",
}
FLOW: dict[str, Any] = {
    "tables": [EVENTS],
    "stages": [{"name": "LAKE.RAW.FILES", "bucket": "lake", "prefix": "events/", "format": "json"}],
    "pipes": [{"name": "LAKE.RAW.LOAD", "stage": "LAKE.RAW.FILES", "table": "LAKE.RAW.EVENTS"}],
    "streams": [{"name": "LAKE.RAW.NEWS", "table": "LAKE.RAW.EVENTS", "append_only": True}],
    "tasks": [
        {"name": "LAKE.RAW.FIRST", "sql": "DELETE FROM LAKE.RAW.EVENTS WHERE AMOUNT < 0", "stream": "LAKE.RAW.NEWS"},
        {"name": "LAKE.RAW.SECOND", "sql": "SELECT COUNT(*) FROM LAKE.RAW.EVENTS", "after": "LAKE.RAW.FIRST"},
    ],
    "dynamic_tables": [
        {
            "name": "SHARED.MARTS.TOTALS",
            "query": "SELECT TENANT, SUM(AMOUNT) AS TOTAL FROM LAKE.RAW.EVENTS GROUP BY TENANT",
            "lag": "10 minutes",
            "warehouse": "BI_WH",
            "tenant_column": "TENANT",
        }
    ],
    "users": [{"name": "SEARCH_SERVICE", "role": "ANALYST", "tenant": "search"}],
}
"""A whole way of data, as a user would write it."""


def document() -> dict[str, Any]:
    """A section as a user would write it."""
    return {
        "organization": "ACME",
        "account": "AI",
        "databases": [{"name": name, "schemas": schemas} for name, schemas in DATABASES.items()],
        "warehouses": [
            {"name": "BI_WH", "workload": "bi", "monthly_credits": 10},
            {"name": "ML_WH", "workload": "ml", "monthly_credits": 10},
        ],
        "roles": [
            {"name": "ANALYST", "warehouses": ["BI_WH"], "reads": ["SHARED"]},
            {"name": "INGEST", "warehouses": ["ML_WH"], "writes": ["LAKE.RAW"]},
            {
                "name": "ML_ENGINEER",
                "warehouses": ["ML_WH"],
                "reads": ["LAKE"],
                "builds": ["LAKE.MARTS"],
                "inherits": ["ANALYST"],
            },
        ],
    }


def section(**changes: Any) -> Snowflake:
    """The section, with other fields."""
    return Snowflake.model_validate({**document(), **changes})


def account(wanted: Snowflake, environment: Environment) -> SnowflakeAccount:
    """The component, in a platform that is as small as can be."""
    network = Network("network", NetworkSection(), environment=environment, log_key_arn="arn:aws:kms:logs")
    buckets = {"lake": pulumi.Output.from_input("plinth-lake-1a2b3c4")}
    platform = SnowflakePlatform(
        network=network,
        cluster_name="plinth",
        namespace="plinth-system",
        runtime_image=IMAGE,
        secrets_key_arn="arn:aws:kms:secrets",
        data_key_arn="arn:aws:kms:data",
        bucket_names=buckets,
        bucket_arns={name: pulumi.Output.concat("arn:aws:s3:::", bucket) for name, bucket in buckets.items()},
        tenants=["search", "support"],
        oncall_email="oncall@acme.example.com",
    )
    return SnowflakeAccount("snowflake", wanted, environment=environment, platform=platform)


@st.composite
def sections(draw: st.DrawFn) -> Snowflake:
    """Sections with any roles that the spec admits."""

    def some(of: list[str]) -> list[str]:
        return draw(st.lists(st.sampled_from(of), unique=True, max_size=3)) if of else []

    names = draw(st.lists(st.sampled_from(ROLES), unique=True))
    roles = [
        {
            "name": name,
            "warehouses": some(["BI_WH", "ML_WH"]),
            "reads": some(SCOPES),
            "writes": some(SCOPES),
            "builds": some(SCOPES),
            "inherits": some(names[:index]),
        }
        for index, name in enumerate(names)
    ]
    return section(roles=roles)


Reach = set[tuple[str, str, str]]
"""Schema as DATABASE.SCHEMA, what on, privilege."""


def reach(plan: grants.Plan) -> dict[str, Reach]:
    """What each role may do in the end, by following every inheritance as Snowflake does."""
    held: dict[object, Reach] = defaultdict(set)
    for grant in plan.grants:
        match grant.on:
            case grants.Objects(kind, when):
                what = f"{when} {kind}"
            case grants.Schema():
                what = "schema"
            case grants.Database():
                what = "database"
        held[grant.role] |= {(f"{grant.role.database}.{grant.role.schema}", what, each) for each in grant.privileges}
    edges = [*plan.inherited, *plan.given, *plan.members]
    for _ in range(len(edges) + 1):
        for child, parent in edges:
            held[parent] |= held[child]
    return {name: rights for name, rights in held.items() if isinstance(name, str)}
