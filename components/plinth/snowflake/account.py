"""What the platform owns in a Snowflake account."""

import pulumi
import pulumi_snowflake as snowflake

from plinth.base import Component
from plinth.snowflake import grants
from plinth.snowflake.roles import Access, Places, functional_role
from plinth.snowflake.warehouses import warehouse
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake, SnowflakeDatabase


class SnowflakeAccount(Component):
    """Databases, warehouses with spending limits, and roles by least privilege.

    Roles belong to SYSADMIN, so that administrators see what they own; nobody gets ACCOUNTADMIN. Names are the
    spec's own, because people type them, so a replacement deletes first.
    """

    database_names: dict[str, pulumi.Output[str]]
    """Databases by name, known once they exist."""

    warehouse_names: dict[str, pulumi.Output[str]]
    """Warehouses by name, known once they exist."""

    role_names: dict[str, pulumi.Output[str]]
    """Functional roles by name, known once they exist."""

    def __init__(
        self,
        name: str,
        section: Snowflake,
        *,
        environment: Environment,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SnowflakeAccount", name, section, environment=environment, opts=opts)
        self._prefix = name
        self._comment = f"Plinth {environment.name}"
        self._schemas: dict[tuple[str, str], pulumi.Output[str]] = {}

        self.database_names = {database.name: self._database(database) for database in section.databases}
        self.warehouse_names = {each.name: warehouse(self, name, each, self._comment) for each in section.warehouses}
        self.role_names = {role.name: functional_role(self, name, role, self._comment) for role in section.roles}
        places = Places(self.database_names, self._schemas, self.warehouse_names)
        Access(self, name, places, self.role_names, self._comment).build(grants.plan(section))

        self.register_outputs(
            {
                "database_names": self.database_names,
                "warehouse_names": self.warehouse_names,
                "role_names": self.role_names,
            }
        )

    def _logical(self, kind: str, name: str) -> str:
        return f"{self._prefix}-{kind}-{name.lower().replace('_', '-')}"

    def _database(self, section: SnowflakeDatabase) -> pulumi.Output[str]:
        database = snowflake.Database(
            self._logical("database", section.name),
            name=section.name,
            data_retention_time_in_days=section.retention_days,
            # Everybody may use PUBLIC; what the platform owns has none.
            drop_public_schema_on_creation=True,
            comment=self._comment,
            opts=self.options(snowflake.Database, delete_before_replace=True),
        )
        for schema in section.schemas:
            made = snowflake.Schema(
                self._logical("schema", f"{section.name}-{schema}"),
                name=schema,
                database=database.name,
                # Only the owner of the schema grants access to what is in it, not the owner of each table.
                with_managed_access="true",
                comment=self._comment,
                opts=self.options(snowflake.Schema, delete_before_replace=True),
            )
            self._schemas[section.name, schema] = made.name
        return database.name
