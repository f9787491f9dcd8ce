"""Tags, masks and rows: who sees what, decided by running the policies' bodies."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp
from support import snowflakes
from support.recorder import record
from support.worlds import environment

from plinth.snowflake import masking
from plinth.snowflake.protection import labels

EVENTS, FLOW = snowflakes.EVENTS, snowflakes.FLOW
TENANTS = ["search", "support", "analytics"]


def section_of(sees, everything, tenants):
    """Roles with what they see, which of them see every tenant, and a role and user for each tenant."""
    roles = [
        {"name": f"ROLE_{index}", "warehouses": ["BI_WH"], "sees": each, "all_tenants": index in everything}
        for index, each in enumerate(sees)
    ]
    roles += [{"name": f"TENANT_{name.upper()}", "warehouses": ["BI_WH"]} for name in tenants]
    users = [{"name": f"{name.upper()}_SERVICE", "role": f"TENANT_{name.upper()}", "tenant": name} for name in tenants]
    return snowflakes.section(roles=roles, users=users, tables=[EVENTS])


def truth(expression, roles, columns, tag=None):
    """What a body gives for a session with these roles: the few operators that bodies use, as SQL defines them."""
    match expression:
        case exp.Paren():
            return truth(expression.this, roles, columns, tag)
        case exp.Or():
            return truth(expression.left, roles, columns, tag) or truth(expression.right, roles, columns, tag)
        case exp.And():
            return truth(expression.left, roles, columns, tag) and truth(expression.right, roles, columns, tag)
        case exp.EQ():
            return truth(expression.left, roles, columns, tag) == truth(expression.right, roles, columns, tag)
        case exp.Boolean() | exp.Literal():
            return expression.to_py()
        case exp.Column():
            return columns[expression.name]
        case exp.Null():
            return None
        case exp.Case():
            for when in expression.args["ifs"]:
                if truth(when.this, roles, columns, tag):
                    return truth(when.args["true"], roles, columns, tag)
            return truth(expression.args["default"], roles, columns, tag)
        case exp.Anonymous() if expression.name.upper() == "IS_ROLE_IN_SESSION":
            return expression.expressions[0].to_py() in roles
        case exp.Anonymous() if expression.name.upper() == "SYSTEM$GET_TAG_ON_CURRENT_COLUMN":
            return tag
        case _:
            raise AssertionError(f"a body has {expression!r}, which this test does not know")


def parsed(body):
    return sqlglot.parse_one(body, dialect="snowflake")


many = st.lists(st.sampled_from(masking.CLASSES), min_size=1, max_size=4)


@given(sees=many, tag=st.sampled_from([*masking.CLASSES, None]), active=st.integers(0, 3))
def test_a_role_sees_what_its_class_allows_and_the_mask_of_the_rest(sees, tag, active):
    section = section_of(sees, set(), [])
    roles = {f"ROLE_{active}"} if active < len(sees) else set()
    body = parsed(masking.masking_body(section, "VARCHAR", "GOVERNANCE.TAGS.DATA_CLASS"))
    seen = truth(body, roles, {"VAL": "secret"}, tag)
    own = masking.CLASSES.index(sees[active]) if roles else 0
    allowed = tag is not None and masking.CLASSES.index(tag) <= own
    assert seen == ("secret" if allowed else "***")


@given(
    everything=st.sets(st.integers(0, 1)),
    tenants=st.lists(st.sampled_from(TENANTS), unique=True),
    row=st.sampled_from([*TENANTS, "unknown", ""]),
    role=st.sampled_from([*(f"TENANT_{name.upper()}" for name in TENANTS), "ROLE_0", "ROLE_1", "SOMEBODY"]),
)
def test_a_tenant_sees_its_own_rows_and_no_others(everything, tenants, row, role):
    section = section_of(["internal", "internal"], everything, tenants)
    visible = truth(parsed(masking.row_body(section)), {role}, {"TENANT": row})
    assert visible == (
        role in {f"ROLE_{index}" for index in everything} or (role == f"TENANT_{row.upper()}" and row in tenants)
    )


@pytest.mark.parametrize("type_", masking.MASKS)
def test_every_mask_is_snowflakes_sql_and_of_its_columns_type(type_):
    body = parsed(masking.masking_body(section_of(["internal"], set(), []), type_, "G.TAGS.DATA_CLASS"))
    assert isinstance(body, exp.Case)


@pytest.fixture(scope="module")
def recorded():
    return record(lambda: snowflakes.account(snowflakes.section(**FLOW), environment()))


def test_masks_follow_the_tag_of_a_column(recorded):
    tag = next(each.inputs for each in recorded.of("snowflake:index/tag:Tag") if each.inputs["name"] == "DATA_CLASS")
    assert tag["orderedAllowedValues"] == ["restricted", "confidential", "internal", "public"]
    assert len(tag["maskingPolicies"]) == 2
    kinds = {each.inputs["returnDataType"] for each in recorded.of("snowflake:index/maskingPolicy:MaskingPolicy")}
    assert kinds == {"VARCHAR", "NUMBER"}


def test_everything_carries_environment_owner_and_cost_center():
    section = snowflakes.section(**FLOW)
    found = labels(section, environment())
    for tag in ("ENVIRONMENT", "OWNER", "COST_CENTER"):
        covered = {(each.type, name) for each in found if each.tag == tag for name in each.objects}
        assert {("DATABASE", "LAKE"), ("DATABASE", "SHARED"), ("WAREHOUSE", "BI_WH")} <= covered
    assert {each.value for each in found if each.tag == "LINEAGE"} == {"s3:lake/events/"}
    classes = {each.value: each.objects for each in found if each.tag == "DATA_CLASS"}
    assert classes == {"confidential": ("LAKE.RAW.EVENTS.EMAIL",), "restricted": ("LAKE.RAW.EVENTS.AMOUNT",)}


def test_a_warehouse_can_be_booked_elsewhere():
    first, second = snowflakes.document()["warehouses"]
    section = snowflakes.section(warehouses=[{**first, "cost_center": "CC-9"}, second])
    booked = {
        each.value: each.objects
        for each in labels(section, environment())
        if each.type == "WAREHOUSE" and each.tag == "COST_CENTER"
    }
    assert booked == {"CC-9": ("BI_WH",), "CC-1": ("ML_WH",)}


def test_rows_of_tables_and_dynamic_tables_are_kept_apart(recorded):
    attached = {each.name: each.inputs for each in recorded.of("snowflake:index/execute:Execute")}
    table = attached["snowflake-tenant-rows-lake-raw-events"]
    assert table["execute"].startswith("ALTER TABLE ") and table["execute"].endswith('ON ("TENANT")')
    assert " DROP ROW ACCESS POLICY " in table["revert"]
    assert attached["snowflake-tenant-rows-shared-marts-totals"]["execute"].startswith("ALTER DYNAMIC TABLE ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dynamic_tables": [{**FLOW["dynamic_tables"][0], "tenant_column": None}]},
            "dynamic table SHARED.MARTS.TOTALS is made from LAKE.RAW.EVENTS, which keeps tenants apart",
        ),
        (
            {
                "cortex": {
                    "roles": ["ANALYST"],
                    "models": ["mistral-large2"],
                    "search": [
                        {
                            "name": "LAKE.MARTS.FIND",
                            "query": 'SELECT EMAIL FROM "LAKE"."RAW"."EVENTS"',
                            "text_column": "EMAIL",
                            "warehouse": "BI_WH",
                        }
                    ],
                }
            },
            "search service LAKE.MARTS.FIND is made from LAKE.RAW.EVENTS",
        ),
        (
            {
                "users": [
                    {"name": "A", "role": "ANALYST", "tenant": "search"},
                    {"name": "B", "role": "ANALYST", "tenant": "support"},
                ]
            },
            "tenants search and support share role ANALYST",
        ),
        (
            {
                "users": [
                    {"name": "A", "role": "ML_ENGINEER", "tenant": "search"},
                    {"name": "B", "role": "ANALYST", "tenant": "support"},
                ]
            },
            "role ML_ENGINEER of tenant search has the rights of ANALYST",
        ),
    ],
)
def test_what_would_show_rows_to_others_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        snowflakes.section(**{**FLOW, **changes})
