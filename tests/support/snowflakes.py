"""Snowflake sections for tests, and what roles reach once a plan of grants is carried out."""

from collections import defaultdict
from typing import Any

from hypothesis import strategies as st

from plinth.snowflake import grants
from plinth.spec.snowflake import Snowflake

DATABASES = {"LAKE": ["RAW", "MARTS"], "SHARED": ["RAW", "MARTS", "AUDIT"]}
ROLES = ["ANALYST", "ML_ENGINEER", "INGEST", "AUDITOR"]
SCOPES = [*DATABASES, *(f"{database}.{schema}" for database, schemas in DATABASES.items() for schema in schemas)]


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
