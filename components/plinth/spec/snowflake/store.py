"""Databases and what they hold."""

from typing import Annotated

from pydantic import Field

from plinth.spec.base import Model
from plinth.spec.snowflake.names import SnowflakeName


class SnowflakeDatabase(Model):
    """A database with its schemas."""

    name: SnowflakeName
    """Name of the database."""

    schemas: Annotated[list[SnowflakeName], Field(min_length=1)]
    """Schemas in the database, each with managed access: only the schema's owner grants what is in it."""

    retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days of Time Travel: how far back deleted or changed data can be read."""
