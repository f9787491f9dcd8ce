"""The section `snowflake` of the spec."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model
from plinth.spec.snowflake import references
from plinth.spec.snowflake.access import SnowflakeRole
from plinth.spec.snowflake.cortex import SnowflakeCortex
from plinth.spec.snowflake.flow import (
    SnowflakeDynamicTable,
    SnowflakePipe,
    SnowflakeStage,
    SnowflakeStream,
    SnowflakeTable,
    SnowflakeTask,
)
from plinth.spec.snowflake.names import AccountPart, SnowflakeName
from plinth.spec.snowflake.store import SnowflakeDatabase
from plinth.spec.snowflake.users import SnowflakeNetwork, SnowflakePeople, SnowflakeUser
from plinth.spec.snowflake.warehouses import SnowflakeWarehouse


class Snowflake(Model):
    """What the platform owns in a Snowflake account."""

    organization: AccountPart
    """Snowflake organization name."""

    account: AccountPart
    """Snowflake account name within the organization."""

    user: SnowflakeName = "PLINTH_PROVISIONER"
    """Service user that provisions; it signs in with a key pair, and its role owns what is made."""

    governance_database: SnowflakeName = "PLINTH_GOVERNANCE"
    """Database of policies, rules and tags, which only the platform may change."""

    databases: Annotated[list[SnowflakeDatabase], Field(min_length=1)]
    """Databases."""

    warehouses: Annotated[list[SnowflakeWarehouse], Field(min_length=1)]
    """Warehouses, one for each kind of work."""

    roles: list[SnowflakeRole] = []
    """Functional roles. Nobody is granted ACCOUNTADMIN."""

    users: list[SnowflakeUser] = []
    """Service users."""

    network: SnowflakeNetwork = SnowflakeNetwork()
    """From where service users may sign in."""

    people: SnowflakePeople | None = None
    """What holds for people in the whole account. Empty: whatever holds there already."""

    tables: list[SnowflakeTable] = []
    """Tables that pipes load, or that policies must hold for from the start. Others are made by those who build."""

    stages: list[SnowflakeStage] = []
    """Places in the platform's buckets that Snowflake reads."""

    pipes: list[SnowflakePipe] = []
    """What loads new files into tables."""

    streams: list[SnowflakeStream] = []
    """Changes of tables."""

    tasks: list[SnowflakeTask] = []
    """Statements that run by themselves. A task comes after the one that it runs after."""

    dynamic_tables: list[SnowflakeDynamicTable] = []
    """Results that are kept fresh. A table comes after those that it is made from."""

    cortex: SnowflakeCortex | None = None
    """Cortex. Empty: as the account has it."""

    @property
    def scopes(self) -> list[str]:
        """Everything that a role can be let in to: databases, and their schemas as DATABASE.SCHEMA."""
        schemas = [f"{database.name}.{schema}" for database in self.databases for schema in database.schemas]
        return [*(database.name for database in self.databases), *schemas]

    @model_validator(mode="after")
    def _references(self) -> Self:
        for mistake in references.mistakes(self):
            raise ValueError(mistake)
        return self
