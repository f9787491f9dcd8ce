"""What the platform owns in a Snowflake account."""

import pulumi
import pulumi_snowflake as snowflake

from plinth.base import Component
from plinth.snowflake import grants
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake, SnowflakeDatabase, SnowflakeWarehouse

NOTIFY_PERCENT, SUSPEND_PERCENT, STOP_PERCENT = 80, 100, 110
"""Shares of the monthly credits: tell the administrators, let queries finish and stop, stop at once."""


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
    """Account roles by name, known once they exist."""

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
        self.warehouse_names = {warehouse.name: self._warehouse(warehouse) for warehouse in section.warehouses}
        self.role_names = {role.name: self._role(role.name) for role in section.roles}
        for grant in grants.plan(section):
            self._grant(grant)

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

    def _warehouse(self, section: SnowflakeWarehouse) -> pulumi.Output[str]:
        monitor = snowflake.ResourceMonitor(
            self._logical("monitor", section.name),
            name=f"{section.name}_MONITOR",
            credit_quota=section.monthly_credits,
            frequency="MONTHLY",
            start_timestamp="IMMEDIATELY",
            notify_triggers=[NOTIFY_PERCENT],
            suspend_trigger=SUSPEND_PERCENT,
            suspend_immediate_trigger=STOP_PERCENT,
            opts=self.options(snowflake.ResourceMonitor, delete_before_replace=True),
        )
        warehouse = snowflake.Warehouse(
            self._logical("warehouse", section.name),
            name=section.name,
            warehouse_size=section.size,
            resource_monitor=monitor.name,
            auto_resume="true",
            auto_suspend=section.auto_suspend_seconds,
            initially_suspended=True,
            statement_timeout_in_seconds=section.statement_timeout_seconds,
            # More than one cluster needs Snowflake's Enterprise edition, so one is left to its default.
            min_cluster_count=1 if section.max_clusters > 1 else None,
            max_cluster_count=section.max_clusters if section.max_clusters > 1 else None,
            comment=self._comment,
            opts=self.options(snowflake.Warehouse, delete_before_replace=True),
        )
        return warehouse.name

    def _role(self, name: str) -> pulumi.Output[str]:
        role = snowflake.AccountRole(
            self._logical("role", name),
            name=name,
            comment=self._comment,
            opts=self.options(snowflake.AccountRole, delete_before_replace=True),
        )
        snowflake.GrantAccountRole(
            f"{self._logical('role', name)}-to-sysadmin",
            role_name=role.name,
            parent_role_name="SYSADMIN",
            opts=self.options(snowflake.GrantAccountRole, delete_before_replace=True),
        )
        return role.name

    def _grant(self, grant: grants.Grant) -> None:
        name = f"{self._prefix}-grant-{grant.label}"
        role, privileges = self.role_names[grant.role], list(grant.privileges)
        opts = self.options(snowflake.GrantPrivilegesToAccountRole, delete_before_replace=True)
        match grant.on:
            case grants.Warehouse(warehouse):
                snowflake.GrantPrivilegesToAccountRole(
                    name,
                    account_role_name=role,
                    privileges=privileges,
                    on_account_object={"object_type": "WAREHOUSE", "object_name": self.warehouse_names[warehouse]},
                    opts=opts,
                )
            case grants.Database(database):
                snowflake.GrantPrivilegesToAccountRole(
                    name,
                    account_role_name=role,
                    privileges=privileges,
                    on_account_object={"object_type": "DATABASE", "object_name": self.database_names[database]},
                    opts=opts,
                )
            case grants.Schema(database, schema):
                qualified = pulumi.Output.format(
                    '"{0}"."{1}"', self.database_names[database], self._schemas[database, schema]
                )
                snowflake.GrantPrivilegesToAccountRole(
                    name,
                    account_role_name=role,
                    privileges=privileges,
                    on_schema={"schema_name": qualified},
                    opts=opts,
                )
            case grants.Objects(database, kind, when):
                scope: snowflake.GrantPrivilegesToAccountRoleOnSchemaObjectFutureArgsDict = {
                    "object_type_plural": kind,
                    "in_database": self.database_names[database],
                }
                snowflake.GrantPrivilegesToAccountRole(
                    name,
                    account_role_name=role,
                    privileges=privileges,
                    on_schema_object={"all": scope} if when == "all" else {"future": scope},
                    opts=opts,
                )
