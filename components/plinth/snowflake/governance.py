"""The governance database: policies, rules and tags, which only the platform may change."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake.maker import Maker

SECURITY = "SECURITY"
"""Schema of what decides who may sign in, and from where."""


@dataclass(frozen=True, slots=True)
class Governance:
    """A database that exists."""

    database: pulumi.Output[str]
    schemas: dict[str, pulumi.Output[str]] = field(default_factory=dict[str, pulumi.Output[str]])
    """Its schemas by name."""


def governance(make: Maker, name: str, schemas: Sequence[str], retention_days: int) -> Governance:
    """Make the database; nobody but the role that provisions is granted anything in it."""
    database = snowflake.Database(
        make.logical("governance"),
        name=name,
        data_retention_time_in_days=retention_days,
        drop_public_schema_on_creation=True,
        comment=make.comment,
        opts=make.options(snowflake.Database),
    )
    made = Governance(database.name)
    for schema in schemas:
        made.schemas[schema] = snowflake.Schema(
            make.logical("governance", schema),
            name=schema,
            database=database.name,
            with_managed_access="true",
            comment=make.comment,
            opts=make.options(snowflake.Schema),
        ).name
    return made
