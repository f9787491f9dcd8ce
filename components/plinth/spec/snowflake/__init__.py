"""Snowflake: what the platform owns in an account."""

from plinth.spec.snowflake.access import SnowflakeRole
from plinth.spec.snowflake.section import Snowflake
from plinth.spec.snowflake.store import SnowflakeDatabase
from plinth.spec.snowflake.users import SnowflakeNetwork, SnowflakePeople, SnowflakeUser
from plinth.spec.snowflake.warehouses import SnowflakeWarehouse

__all__ = [
    "Snowflake",
    "SnowflakeDatabase",
    "SnowflakeNetwork",
    "SnowflakePeople",
    "SnowflakeRole",
    "SnowflakeUser",
    "SnowflakeWarehouse",
]
