"""Tables and what moves data between them, as resources."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake import lake, sql
from plinth.snowflake.maker import Maker
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake
from plinth.spec.snowflake.flow import SnowflakeTable, SnowflakeTask
from plinth.spec.snowflake.names import parts

FAILURES = 5
"""Failed runs in a row after which a task is suspended, so that it stops costing and somebody looks."""


class Flow:
    """The tables, stages, pipes, streams, tasks and dynamic tables of a section."""

    tables: dict[str, snowflake.Table]
    """By full name."""

    pipes: dict[str, snowflake.Pipe]
    """By full name."""

    tasks: dict[str, snowflake.Task]
    """By full name."""

    dynamic: dict[str, snowflake.DynamicTable]
    """Dynamic tables by full name."""

    relations: list[pulumi.Resource]
    """What can be selected from."""

    def __init__(
        self,
        make: Maker,
        section: Snowflake,
        *,
        environment: Environment,
        platform: SnowflakePlatform,
        schemas: Mapping[tuple[str, str], pulumi.Output[str]],
        databases: Mapping[str, pulumi.Output[str]],
        warehouses: Mapping[str, pulumi.Output[str]],
        errors: pulumi.Output[str] | None,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        self._make, self._section, self._environment, self._platform = make, section, environment, platform
        self._schemas, self._databases, self._warehouses, self._errors = schemas, databases, warehouses, errors
        self._after = after
        self.tables = {table.name: self._table(table) for table in section.tables}
        self.pipes = self._load()
        streams = self._streams()
        self.dynamic = self._dynamic([*self.tables.values(), *streams])
        self.relations = [*self.tables.values(), *self.dynamic.values()]
        self.tasks = {}
        for task in section.tasks:
            self.tasks[task.name] = self._task(task, [*self.relations, *streams])

    def _place(self, name: str) -> tuple[pulumi.Output[str], pulumi.Output[str], str]:
        """Database and schema that an object is in, known once they exist, and its own name."""
        database, schema, own = parts(name)
        return self._databases[database], self._schemas[database, schema], own

    def _table(self, section: SnowflakeTable) -> snowflake.Table:
        database, schema, own = self._place(section.name)
        return snowflake.Table(
            self._make.logical("table", section.name),
            name=own,
            database=database,
            schema=schema,
            columns=[
                {"name": column.name, "type": column.type, "nullable": not column.required}
                for column in section.columns
            ],
            cluster_bies=section.cluster_by or None,
            # Streams and dynamic tables need it, and turning it on later locks the table.
            change_tracking=True,
            comment=self._make.comment,
            opts=self._make.options(snowflake.Table, depends_on=list(self._after)),
        )

    def _load(self) -> dict[str, snowflake.Pipe]:
        section, make, platform = self._section, self._make, self._platform
        if not section.stages:
            return {}
        integration, ready = lake.lake(make, section, self._environment, platform)
        stages: dict[str, pulumi.Resource] = {}
        for each in section.stages:
            database, schema, _ = self._place(each.name)
            stages[each.name] = lake.stage(
                make,
                each,
                database=database,
                schema=schema,
                integration=integration,
                platform=platform,
                after=[ready],
            )
        by_name = {each.name: each for each in section.stages}
        pipes: dict[str, snowflake.Pipe] = {}
        for pipe in section.pipes:
            database, schema, own = self._place(pipe.name)
            pipes[pipe.name] = snowflake.Pipe(
                make.logical("pipe", pipe.name),
                name=own,
                database=database,
                schema=schema,
                copy_statement=sql.copy(pipe, by_name[pipe.stage]),
                auto_ingest=True,
                error_integration=self._errors,
                comment=make.comment,
                opts=make.options(snowflake.Pipe, depends_on=[stages[pipe.stage], self.tables[pipe.table]]),
            )
        lake.notify(make, section, pipes, platform)
        return pipes

    def _streams(self) -> list[pulumi.Resource]:
        made: list[pulumi.Resource] = []
        for stream in self._section.streams:
            database, schema, own = self._place(stream.name)
            made.append(
                snowflake.StreamOnTable(
                    self._make.logical("stream", stream.name),
                    name=own,
                    database=database,
                    schema=schema,
                    table=self.tables[stream.table].fully_qualified_name,
                    append_only="true" if stream.append_only else "false",
                    comment=self._make.comment,
                    opts=self._make.options(snowflake.StreamOnTable),
                )
            )
        return made

    def _dynamic(self, sources: Sequence[pulumi.Resource]) -> dict[str, snowflake.DynamicTable]:
        """Each after all that its query may name: tables, and the dynamic tables before it."""
        made: dict[str, snowflake.DynamicTable] = {}
        for table in self._section.dynamic_tables:
            database, schema, own = self._place(table.name)
            downstream = table.lag == "downstream"
            made[table.name] = snowflake.DynamicTable(
                self._make.logical("dynamic", table.name),
                name=own,
                database=database,
                schema=schema,
                query=table.query.strip(),
                target_lag={"downstream": True} if downstream else {"maximum_duration": table.lag},
                warehouse=self._warehouses[table.warehouse],
                comment=self._make.comment,
                opts=self._make.options(snowflake.DynamicTable, depends_on=[*sources, *made.values()]),
            )
        return made

    def _task(self, section: SnowflakeTask, sources: Sequence[pulumi.Resource]) -> snowflake.Task:
        database, schema, own = self._place(section.name)
        schedule: snowflake.TaskScheduleArgsDict | None = None
        if section.cron:
            schedule = {"using_cron": section.cron}
        elif section.every_minutes:
            schedule = {"minutes": section.every_minutes}
        first = section.after is None
        return snowflake.Task(
            self._make.logical("task", section.name),
            name=own,
            database=database,
            schema=schema,
            sql_statement=section.sql.strip(),
            started=True,
            schedule=schedule,
            afters=None if section.after is None else [self.tasks[section.after].fully_qualified_name],
            when=sql.has_news(section.stream) if section.stream else None,
            warehouse=self._warehouses[section.warehouse] if section.warehouse else None,
            user_task_managed_initial_warehouse_size=None if section.warehouse else "XSMALL",
            user_task_timeout_ms=section.timeout_minutes * 60_000,
            # These three belong to the task that starts the others.
            allow_overlapping_execution="false" if first else None,
            suspend_task_after_num_failures=FAILURES if first else None,
            error_integration=self._errors if first else None,
            comment=self._make.comment,
            opts=self._make.options(snowflake.Task, depends_on=list(sources)),
        )
