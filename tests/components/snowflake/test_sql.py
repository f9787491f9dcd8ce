"""Every statement that an environment renders is Snowflake's SQL, and names only columns' tables that there are."""

import pytest
import sqlglot
from sqlglot import exp
from support.platforms import recorded_platform

BODIES = {
    "snowflake:index/task:Task": ("sqlStatement", "when"),
    "snowflake:index/dynamicTable:DynamicTable": ("query",),
    "snowflake:index/cortexSearchService:CortexSearchService": ("query",),
    "snowflake:index/maskingPolicy:MaskingPolicy": ("body",),
    "snowflake:index/rowAccessPolicy:RowAccessPolicy": ("body",),
    "snowflake:index/pipe:Pipe": ("copyStatement",),
    "snowflake:index/alert:Alert": ("condition", "action"),
    "snowflake:index/execute:Execute": ("execute", "revert"),
}
UNPARSED = ("CALL ", "REVOKE ", "GRANT ", "ALTER TABLE ", "ALTER DYNAMIC TABLE ")
"""What sqlglot takes as a command without looking inside: for these, only the tokens are checked."""


def statements(name):
    for resource in recorded_platform(name).resources:
        for field in BODIES.get(resource.type, ()):
            if field in resource.inputs:
                yield f"{resource.name} {field}", resource.inputs[field]


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_every_statement_parses(name):
    for where, text in statements(name):
        (parsed,) = sqlglot.parse(text, dialect="snowflake")
        assert parsed is not None, where
        if isinstance(parsed, exp.Command):
            assert text.startswith(UNPARSED), f"{where}: {text}"


def test_a_mistake_would_be_found():
    with pytest.raises(sqlglot.ParseError):
        sqlglot.parse("SELECT A FROM WHERE B", dialect="snowflake")


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_queries_name_relations_that_the_platform_makes(name):
    recorded = recorded_platform(name)
    kinds = ("table:Table", "dynamicTable:DynamicTable", "streamOnTable:StreamOnTable")
    made = {
        f"{each.inputs['database']}.{each.inputs['schema']}.{each.inputs['name']}"
        for kind in kinds
        for each in recorded.of(f"snowflake:index/{kind}")
    }
    for where, text in statements(name):
        if where.endswith((" query", " sqlStatement")):
            for table in sqlglot.parse_one(text, dialect="snowflake").find_all(exp.Table):
                assert ".".join(part.name for part in table.parts) in made, where


def test_production_renders_every_kind():
    kinds = {resource.type for resource in recorded_platform("prod").resources}
    assert BODIES.keys() <= kinds
