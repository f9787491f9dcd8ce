"""Cortex, as resources: who may call which models, search services and semantic views, and what it may cost."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake import sql
from plinth.snowflake.maker import Maker
from plinth.spec.snowflake.cortex import CortexBudget, CortexSearch, SemanticView, SnowflakeCortex
from plinth.spec.snowflake.names import parts

USER = '"SNOWFLAKE"."CORTEX_USER"'
"""The database role that may call Cortex' functions. Every account gives it to PUBLIC."""

ALLOWLIST = "CORTEX_MODELS_ALLOWLIST"

Statement = tuple[str, str]
"""What is run, and what undoes it."""

TAKEN_BACK: Statement = (
    "REVOKE DATABASE ROLE SNOWFLAKE.CORTEX_USER FROM ROLE PUBLIC",
    "GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE PUBLIC",
)


def budget_statements(section: CortexBudget) -> dict[str, Statement]:
    """What turns the account's budget on. Source: Snowflake documentation, "Work with the account budget"."""
    emails = sql.text(", ".join(section.notify))
    return {
        "on": (
            "CALL SNOWFLAKE.LOCAL.ACCOUNT_ROOT_BUDGET!ACTIVATE()",
            "CALL SNOWFLAKE.LOCAL.ACCOUNT_ROOT_BUDGET!DEACTIVATE()",
        ),
        "limit": (
            f"CALL SNOWFLAKE.LOCAL.ACCOUNT_ROOT_BUDGET!SET_SPENDING_LIMIT({section.monthly_credits})",
            # There is no call that takes a limit away; the budget itself is turned off with it.
            "SELECT 1",
        ),
        "notify": (
            f"CALL SNOWFLAKE.LOCAL.ACCOUNT_ROOT_BUDGET!SET_EMAIL_NOTIFICATIONS({emails})",
            "SELECT 1",
        ),
    }


class Cortex:
    """The resources of the section."""

    def __init__(
        self,
        make: Maker,
        section: SnowflakeCortex,
        *,
        roles: Mapping[str, pulumi.Output[str]],
        schemas: Mapping[tuple[str, str], pulumi.Output[str]],
        databases: Mapping[str, pulumi.Output[str]],
        warehouses: Mapping[str, pulumi.Output[str]],
        after: Sequence[pulumi.Resource],
    ) -> None:
        self._make, self._schemas, self._databases = make, schemas, databases
        self._warehouses, self._after = warehouses, after
        for name in section.roles:
            snowflake.GrantDatabaseRole(
                make.logical("cortex", "user", name),
                database_role_name=USER,
                parent_role_name=roles[name],
                opts=make.options(snowflake.GrantDatabaseRole),
            )
        self._run("public", TAKEN_BACK)
        snowflake.AccountParameter(
            make.logical("cortex", "models"),
            key=ALLOWLIST,
            value=",".join(sorted(set(section.models))),
            opts=make.options(snowflake.AccountParameter),
        )
        for search in section.search:
            self._search(search)
        for view in section.semantic_views:
            self._view(view)
        last: list[pulumi.Resource] = []
        for label, statement in budget_statements(section.budget).items() if section.budget else ():
            last = [self._run(f"budget-{label}", statement, after=last)]

    def _run(self, label: str, statement: Statement, after: Sequence[pulumi.Resource] = ()) -> pulumi.Resource:
        run, undo = statement
        return snowflake.Execute(
            self._make.logical("cortex", label),
            execute=run,
            revert=undo,
            opts=self._make.options(snowflake.Execute, depends_on=list(after)),
        )

    def _search(self, section: CortexSearch) -> None:
        database, schema, own = parts(section.name)
        snowflake.CortexSearchService(
            self._make.logical("search", section.name),
            name=own,
            database=self._databases[database],
            schema=self._schemas[database, schema],
            query=section.query.strip(),
            on=section.text_column,
            attributes=section.attributes or None,
            warehouse=self._warehouses[section.warehouse],
            target_lag=section.lag,
            embedding_model=section.embedding_model,
            comment=self._make.comment,
            opts=self._make.options(snowflake.CortexSearchService, depends_on=list(self._after)),
        )

    def _view(self, section: SemanticView) -> None:
        database, schema, own = parts(section.name)
        snowflake.SemanticView(
            self._make.logical("semantic", section.name),
            name=own,
            database=self._databases[database],
            schema=self._schemas[database, schema],
            tables=[
                {
                    "table_alias": table.alias,
                    "table_name": sql.name(table.table),
                    "primary_keys": list(table.primary_key),
                    "synonyms": list(table.synonyms) or None,
                }
                for table in section.tables
            ],
            dimensions=[
                {
                    "qualified_expression_name": sql.name(each.name),
                    "sql_expression": each.sql,
                    "comment": each.comment or None,
                }
                for each in section.dimensions
            ]
            or None,
            metrics=[
                {
                    "semantic_expression": {
                        "qualified_expression_name": sql.name(each.name),
                        "sql_expression": each.sql,
                        "comment": each.comment or None,
                    }
                }
                for each in section.metrics
            ]
            or None,
            comment=self._make.comment,
            opts=self._make.options(snowflake.SemanticView, depends_on=list(self._after)),
        )
