"""How data gets in and moves on: tables, stages on the lake, pipes, streams, tasks and dynamic tables."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.environment import DataClass
from plinth.spec.snowflake.names import ColumnType, ObjectName, SnowflakeName


def _one_statement(value: str) -> str:
    """Exactly one statement: what is quoted is closed, and so are parentheses."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$\$.*?\$\$", " ", value, flags=re.DOTALL)
    for mark, what in (("'", "a string"), ('"', "a quoted name"), ("$$", "a body in dollar signs")):
        if mark in bare:
            raise ValueError(f"{what} is not closed")
    if bare.count("(") != bare.count(")"):
        raise ValueError(f"{bare.count('(')} parentheses are opened and {bare.count(')')} closed")
    if ";" in bare:
        raise ValueError("must be one statement, with no semicolon at the end")
    return value


Sql = Annotated[str, Field(min_length=8, max_length=20_000), AfterValidator(_one_statement)]
"""One statement in Snowflake's SQL, with full names, and no semicolon at the end."""

Cron = Annotated[
    str,
    matches(
        r"^\S+ \S+ \S+ \S+ \S+ [A-Za-z_]+(/[A-Za-z_]+)*$",
        "five fields and a time zone, for example 15 3 * * * America/New_York",
    ),
]

Lag = Annotated[
    str,
    matches(r"^([1-9]\d{0,3} (seconds|minutes|hours|days)|downstream)$", "a time such as 10 minutes, or downstream"),
]
"""How old a result may be. downstream: as fresh as those that are made from it need."""


class SnowflakeColumn(Model):
    """A column."""

    name: SnowflakeName
    """Name of the column."""

    type: ColumnType
    """Type of its values."""

    required: bool = False
    """Whether every row has a value."""

    data_class: DataClass | None = None
    """How sensitive its values are; becomes a tag, and who sees them unmasked follows from it. Empty: no tag."""


class SnowflakeTable(Model):
    """A table that the platform makes; dynamic tables and those of tasks' results are made from such ones."""

    name: ObjectName
    """Full name of the table."""

    columns: Annotated[list[SnowflakeColumn], Field(min_length=1, max_length=1000)]
    """Its columns, in order."""

    cluster_by: list[SnowflakeName] = []
    """Columns that a table of terabytes is kept sorted by. Empty: as it was loaded."""

    tenant_column: SnowflakeName | None = None
    """Column with the name of the tenant that a row belongs to: each tenant's service user sees its own rows alone,
    and nobody else any but the roles with `all_tenants`. Empty: rows belong to nobody."""

    @model_validator(mode="after")
    def _columns(self) -> Self:
        names = [column.name for column in self.columns]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"table {self.name} has column {name} twice")
        for name in [*self.cluster_by, *([self.tenant_column] if self.tenant_column else [])]:
            if name not in names:
                raise ValueError(f"table {self.name} has no column {name}; it has {', '.join(names)}")
        if self.tenant_column:
            tenant = next(column for column in self.columns if column.name == self.tenant_column)
            if not tenant.type.startswith("VARCHAR"):
                raise ValueError(f"tenant_column {tenant.name} of table {self.name} is {tenant.type}, not VARCHAR")
        return self


class SnowflakeStage(Model):
    """A place in one of the platform's buckets that Snowflake reads."""

    name: ObjectName
    """Full name of the stage; its file format is `<name>_FORMAT`."""

    bucket: Name
    """Bucket of `storage.buckets`."""

    prefix: Annotated[
        str, matches(r"^([A-Za-z0-9!_.*'()=-]+/)+$", "folders that end with a slash, for example events/orders/")
    ]
    """Start of the keys that it shows. Snowflake is let in to nothing else."""

    format: Literal["json", "parquet", "csv"] = "parquet"
    """Format of the files. json: one document per line; csv: with a header line."""


class SnowflakePipe(Model):
    """Loads each new file of a stage within about a minute of its arrival, by columns of the same name."""

    name: ObjectName
    """Full name of the pipe."""

    stage: ObjectName
    """Stage of `stages`."""

    table: ObjectName
    """Table of `tables`."""

    lag_alert_minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    """Minutes that the oldest waiting file may wait before somebody is told."""


class SnowflakeStream(Model):
    """The changes of a table since they were last consumed."""

    name: ObjectName
    """Full name of the stream."""

    table: ObjectName
    """Table of `tables`."""

    append_only: bool = False
    """Whether only inserted rows are told, which is cheaper."""


class SnowflakeTask(Model):
    """A statement that runs on a schedule, after another task, or when a stream has something new."""

    name: ObjectName
    """Full name of the task."""

    sql: Sql
    """What it runs."""

    every_minutes: Annotated[int, Field(ge=1, le=11_520)] | None = None
    """Minutes between two runs."""

    cron: Cron | None = None
    """When it runs."""

    after: ObjectName | None = None
    """Task in the same schema after which it runs."""

    stream: ObjectName | None = None
    """Stream without news of which it does not run. Alone, it runs as soon as there are some."""

    warehouse: SnowflakeName | None = None
    """Warehouse that runs it. Empty: Snowflake's serverless compute, paid by the second."""

    timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """Minutes after which a run is cancelled."""

    @model_validator(mode="after")
    def _start(self) -> Self:
        given = [name for name in ("every_minutes", "cron", "after") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"task {self.name} has {' and '.join(given)}: it can have one of them")
        if not given and self.stream is None:
            raise ValueError(f"task {self.name} never runs: give every_minutes, cron, after or stream")
        return self


class SnowflakeDynamicTable(Model):
    """The result of a query that Snowflake keeps fresh."""

    name: ObjectName
    """Full name of the dynamic table."""

    query: Sql
    """What it holds."""

    lag: Lag
    """How old it may be."""

    warehouse: SnowflakeName
    """Warehouse that refreshes it."""

    tenant_column: SnowflakeName | None = None
    """Column of the result with the name of the tenant that a row belongs to, as of `tables`."""

    across_tenants: bool = False
    """Whether its rows are nobody's in particular, though it is made from tables that keep tenants apart: counts over
    all of them, for example. Who reads its schema sees them all."""
