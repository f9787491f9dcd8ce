"""Roles and grants as resources: access roles in databases, functional roles in the account."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_snowflake as snowflake

from plinth.base import Component
from plinth.snowflake import grants
from plinth.snowflake.grants import AccessRole
from plinth.spec.snowflake import SnowflakeRole


@dataclass(frozen=True, slots=True)
class Places:
    """What roles are let in to, by name; each known once it exists."""

    databases: Mapping[str, pulumi.Output[str]]
    schemas: Mapping[tuple[str, str], pulumi.Output[str]]
    warehouses: Mapping[str, pulumi.Output[str]]


def functional_role(component: Component, prefix: str, section: SnowflakeRole, comment: str) -> pulumi.Output[str]:
    """An account role that belongs to SYSADMIN, so that administrators see what it owns; gives its name."""
    logical = f"{prefix}-role-{section.name.lower().replace('_', '-')}"
    role = snowflake.AccountRole(
        logical,
        name=section.name,
        comment=comment,
        opts=component.options(snowflake.AccountRole, delete_before_replace=True),
    )
    snowflake.GrantAccountRole(
        f"{logical}-to-sysadmin",
        role_name=role.name,
        parent_role_name="SYSADMIN",
        opts=component.options(snowflake.GrantAccountRole, delete_before_replace=True),
    )
    return role.name


class Access:
    """The resources of a plan of grants, as children of a component."""

    def __init__(
        self, component: Component, prefix: str, places: Places, roles: Mapping[str, pulumi.Output[str]], comment: str
    ) -> None:
        self._component, self._prefix, self._comment = component, prefix, comment
        self._places, self._functional = places, roles
        self._access: dict[AccessRole, pulumi.Output[str]] = {}

    def build(self, plan: grants.Plan) -> list[pulumi.Resource]:
        """Make everything that the plan says; gives the last grant of each access role, which tables come after."""
        for role in plan.roles:
            self._access[role] = self._access_role(role)
        latest: dict[AccessRole, pulumi.Resource] = {}
        for grant in plan.grants:
            latest[grant.role] = self._privileges(grant, after=latest.get(grant.role))
        for part, whole in plan.inherited:
            self._inherit(part, f"{part.label}-to-{whole.name.lower().replace('_', '-')}", into=self._access[whole])
        for role, name in plan.given:
            self._inherit(role, f"{role.label}-to-role-{_logical(name)}", account=self._functional[name])
        for warehouse, role in plan.warehouses:
            self._use(warehouse, role)
        for member, role in plan.members:
            snowflake.GrantAccountRole(
                f"{self._prefix}-grant-role-{_logical(member)}-to-{_logical(role)}",
                role_name=self._functional[member],
                parent_role_name=self._functional[role],
                opts=self._component.options(snowflake.GrantAccountRole, delete_before_replace=True),
            )
        return list(latest.values())

    def _access_role(self, role: AccessRole) -> pulumi.Output[str]:
        """Gives the role's full name."""
        made = snowflake.DatabaseRole(
            f"{self._prefix}-access-{role.label}",
            name=role.name,
            database=self._places.databases[role.database],
            comment=self._comment,
            opts=self._component.options(snowflake.DatabaseRole, delete_before_replace=True),
        )
        return pulumi.Output.format('"{0}"."{1}"', made.database, made.name)

    def _privileges(self, grant: grants.Grant, after: pulumi.Resource | None) -> pulumi.Resource:
        database = self._places.databases[grant.role.database]
        assert grant.role.schema is not None
        schema = self._places.schemas[grant.role.database, grant.role.schema]
        qualified = pulumi.Output.format('"{0}"."{1}"', database, schema)
        on: snowflake.GrantPrivilegesToDatabaseRoleOnSchemaObjectArgsDict | None = None
        if isinstance(grant.on, grants.Objects):
            scope: snowflake.GrantPrivilegesToDatabaseRoleOnSchemaObjectFutureArgsDict = {
                "object_type_plural": grant.on.kind,
                "in_schema": qualified,
            }
            on = {"all": scope} if grant.on.when == "all" else {"future": scope}
        return snowflake.GrantPrivilegesToDatabaseRole(
            f"{self._prefix}-grant-{grant.label}",
            database_role_name=self._access[grant.role],
            privileges=list(grant.privileges),
            on_database=database if isinstance(grant.on, grants.Database) else None,
            on_schema={"schema_name": qualified} if isinstance(grant.on, grants.Schema) else None,
            on_schema_object=on,
            opts=self._component.options(
                snowflake.GrantPrivilegesToDatabaseRole,
                delete_before_replace=True,
                depends_on=[after] if after else [],
            ),
        )

    def _inherit(
        self,
        role: AccessRole,
        label: str,
        *,
        into: pulumi.Output[str] | None = None,
        account: pulumi.Output[str] | None = None,
    ) -> None:
        """Give an access role to another one of its database, or to a functional role."""
        snowflake.GrantDatabaseRole(
            f"{self._prefix}-grant-{label}",
            database_role_name=self._access[role],
            parent_database_role_name=into,
            parent_role_name=account,
            opts=self._component.options(snowflake.GrantDatabaseRole, delete_before_replace=True),
        )

    def _use(self, warehouse: str, role: str) -> None:
        snowflake.GrantPrivilegesToAccountRole(
            f"{self._prefix}-grant-{_logical(role)}-warehouse-{_logical(warehouse)}",
            account_role_name=self._functional[role],
            privileges=["USAGE"],
            on_account_object={"object_type": "WAREHOUSE", "object_name": self._places.warehouses[warehouse]},
            opts=self._component.options(snowflake.GrantPrivilegesToAccountRole, delete_before_replace=True),
        )


def _logical(name: str) -> str:
    return name.lower().replace("_", "-")
