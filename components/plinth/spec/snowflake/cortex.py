"""Cortex: models, search and answers in the warehouse, for the roles that are named and nobody else."""

from typing import Annotated

from pydantic import Field

from plinth.spec.base import Email, Model, matches
from plinth.spec.snowflake.flow import Lag, Sql
from plinth.spec.snowflake.names import ObjectName, SnowflakeName

CortexModel = Annotated[
    str, matches(r"^[a-z0-9][a-z0-9.-]{1,80}$", "the name of a model in Cortex, for example claude-sonnet-4-5")
]


class CortexSearch(Model):
    """A Cortex Search service: a hybrid index over the rows of a query, kept fresh."""

    name: ObjectName
    """Full name of the service."""

    query: Sql
    """The rows that are searched, with every column that is searched, filtered by or returned."""

    text_column: SnowflakeName
    """Column with the text that is searched."""

    attributes: list[SnowflakeName] = []
    """Columns that searches may filter by."""

    warehouse: SnowflakeName
    """Warehouse that refreshes the index."""

    lag: Lag = "1 hours"
    """How old the index may be."""

    embedding_model: CortexModel = "snowflake-arctic-embed-l-v2.0"
    """Model that embeds the text; another one means a new index."""


class SemanticTable(Model):
    """A table that Cortex Analyst knows."""

    alias: SnowflakeName
    """What it is called in the view."""

    table: ObjectName
    """Full name of the table or dynamic table."""

    primary_key: Annotated[list[SnowflakeName], Field(min_length=1)]
    """Columns that tell its rows apart."""

    synonyms: list[str] = []
    """What people call it."""


class SemanticColumn(Model):
    """A dimension or a metric."""

    name: Annotated[str, matches(r"^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$", "an alias and a name, such as ORDERS.REGION")]
    """Alias of a table, a dot, and what it is called."""

    sql: Annotated[str, Field(min_length=1, max_length=1000)]
    """Expression over the table's columns; of a metric, an aggregate."""

    comment: str = ""
    """What it means, which Analyst reads."""


class SemanticView(Model):
    """A semantic view: what Cortex Analyst answers questions from."""

    name: ObjectName
    """Full name of the view."""

    tables: Annotated[list[SemanticTable], Field(min_length=1)]
    """Tables it is about."""

    dimensions: list[SemanticColumn] = []
    """What is grouped and filtered by."""

    metrics: list[SemanticColumn] = []
    """What is counted and summed."""


class CortexBudget(Model):
    """A budget for the credits that warehouses' monitors do not see: Cortex, serverless tasks, pipes."""

    monthly_credits: Annotated[int, Field(ge=1, le=1_000_000)]
    """Credits a month."""

    notify: Annotated[list[Email], Field(min_length=1, max_length=10)]
    """Who hears when they are forecast to be spent; addresses that Snowflake has verified."""


class SnowflakeCortex(Model):
    """Cortex."""

    roles: Annotated[list[SnowflakeName], Field(min_length=1)]
    """Functional roles that may call its functions. Snowflake gives them to everybody; that is taken back."""

    models: Annotated[list[CortexModel], Field(min_length=1)]
    """The only models that anybody in the account may call."""

    search: list[CortexSearch] = []
    """Search services. Who reads their schema may search them."""

    semantic_views: list[SemanticView] = []
    """What Cortex Analyst answers from. Who reads their schema may ask."""

    budget: CortexBudget | None = None
    """The account's budget. Empty: none here."""
