"""What the platform owns in a Snowflake account."""

import pulumi
import pulumi_snowflake as snowflake

from plinth.base import Component
from plinth.snowflake import alarms, grants, protection, users
from plinth.snowflake.cortex import Cortex
from plinth.snowflake.flow import Flow
from plinth.snowflake.governance import SECURITY, Governance, governance
from plinth.snowflake.key_rotation import KeyRotation
from plinth.snowflake.maker import Maker
from plinth.snowflake.platform import SnowflakePlatform
from plinth.snowflake.private_link import private_link
from plinth.snowflake.protection import POLICIES, TAGS, Protection
from plinth.snowflake.roles import Access, Places, functional_role
from plinth.snowflake.sign_in import SignIn, people, sign_in
from plinth.snowflake.warehouses import warehouse
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake, SnowflakeDatabase


class SnowflakeAccount(Component):
    """Databases, warehouses with spending limits, roles by least privilege, service users, pipelines and policies.

    Roles belong to SYSADMIN, so that administrators see what they own; nobody gets ACCOUNTADMIN. Names are the
    spec's own, because people type them, so a replacement deletes first.
    """

    database_names: dict[str, pulumi.Output[str]]
    """Databases by name, known once they exist."""

    warehouse_names: dict[str, pulumi.Output[str]]
    """Warehouses by name, known once they exist."""

    role_names: dict[str, pulumi.Output[str]]
    """Functional roles by name, known once they exist."""

    keys_ready: pulumi.Resource | None
    """What has made the first keys of service users; None where there are no users."""

    def __init__(
        self,
        name: str,
        section: Snowflake,
        *,
        environment: Environment,
        platform: SnowflakePlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SnowflakeAccount", name, section, environment=environment, opts=opts)
        self._section, self._platform = section, platform
        self._make = make = Maker(self, name, f"Plinth {environment.name}")
        self._schemas: dict[tuple[str, str], pulumi.Output[str]] = {}
        self._users: dict[str, snowflake.ServiceUser] = {}
        self.keys_ready = None

        self.database_names = {database.name: self._database(database) for database in section.databases}
        self.warehouse_names = {each.name: warehouse(self, name, each, make.comment) for each in section.warehouses}
        self.role_names = {role.name: functional_role(self, name, role, make.comment) for role in section.roles}
        places = Places(self.database_names, self._schemas, self.warehouse_names)
        granted = Access(self, name, places, self.role_names, make.comment).build(grants.plan(section))
        place = governance(make, section.governance_database, self._governing_schemas(), 7)
        if section.people:
            people(make, place, section.people)
        if section.users:
            self._sign_in(place)
        flow = self._flow(granted)
        self._guard(place, flow)

        self.register_outputs(
            {
                "database_names": self.database_names,
                "warehouse_names": self.warehouse_names,
                "role_names": self.role_names,
            }
        )

    def _governing_schemas(self) -> list[str]:
        wanted = {SECURITY: self._section.users or self._section.people, TAGS: True, POLICIES: self._section.tables}
        return [schema for schema, is_wanted in wanted.items() if is_wanted]

    def _database(self, section: SnowflakeDatabase) -> pulumi.Output[str]:
        make = self._make
        database = snowflake.Database(
            make.logical("database", section.name),
            name=section.name,
            data_retention_time_in_days=section.retention_days,
            # Everybody may use PUBLIC; what the platform owns has none.
            drop_public_schema_on_creation=True,
            comment=make.comment,
            opts=make.options(snowflake.Database),
        )
        for schema in section.schemas:
            made = snowflake.Schema(
                make.logical("schema", section.name, schema),
                name=schema,
                database=database.name,
                # Only the owner of the schema grants access to what is in it, not the owner of each table.
                with_managed_access="true",
                comment=make.comment,
                opts=make.options(snowflake.Schema),
            )
            self._schemas[section.name, schema] = made.name
        return database.name

    def _sign_in(self, place: Governance) -> None:
        """Service users, with keys that rotate."""
        section, make = self._section, self._make
        rotation = KeyRotation(
            make.logical("keys"),
            section,
            environment=self._environment,
            platform=self._platform,
            opts=pulumi.ResourceOptions(parent=self),
        )
        policies = self._policies(place)
        for user in section.users:
            self._users[user.name] = users.service_user(
                make,
                user,
                sign_in=policies,
                role=self.role_names[user.role],
                warehouse=self.warehouse_names[users.warehouse_of(section, user)],
            )
        ready = users.rotator(make, self._users, sign_in=policies, role_arn=rotation.role_arn)
        self.keys_ready = rotation.start(ready)

    def _policies(self, place: Governance) -> SignIn:
        network, wanted = self._platform.network, self._section.network
        endpoint = private_link(self._make, wanted.private_link, network) if wanted.private_link else None
        ours = [] if wanted.private_link else network.nat_sources
        return sign_in(
            self._make,
            place,
            sources=[*ours, *wanted.more_cidrs],
            endpoint=endpoint,
            account_id=self._environment.account_id,
        )

    def _flow(self, granted: list[pulumi.Resource]) -> Flow:
        """What moves data, after the grants that its tables need, and Cortex on top."""
        section, make, errors, told = self._section, self._make, None, None
        if section.pipes or section.tasks:
            errors, told = alarms.alarms(make, self._environment, self._platform)
        flow = Flow(
            make,
            section,
            environment=self._environment,
            platform=self._platform,
            schemas=self._schemas,
            databases=self.database_names,
            warehouses=self.warehouse_names,
            errors=errors,
            after=granted,
        )
        if told is not None and section.pipes:
            chosen = next((each for each in section.warehouses if each.workload == "ingest"), section.warehouses[0])
            alarms.watch(make, section, flow.pipes, self.warehouse_names[chosen.name], told)
        if section.cortex:
            Cortex(
                make,
                section.cortex,
                roles=self.role_names,
                schemas=self._schemas,
                databases=self.database_names,
                warehouses=self.warehouse_names,
                after=[*granted, *flow.relations],
            )
        return flow

    def _guard(self, place: Governance, flow: Flow) -> None:
        """Tags on everything, and the policies that follow from them."""
        section = self._section
        guard = Protection(self._make, section, place)
        objects = {("DATABASE", name): quoted for name, quoted in _quoted(self.database_names).items()}
        objects["DATABASE", section.governance_database] = _quote(place.database)
        objects |= {("WAREHOUSE", name): quoted for name, quoted in _quoted(self.warehouse_names).items()}
        objects |= {("USER", name): user.fully_qualified_name for name, user in self._users.items()}
        for table in section.tables:
            made = flow.tables[table.name]
            objects["TABLE", table.name] = made.fully_qualified_name
            for column in table.columns:
                objects["COLUMN", f"{table.name}.{column.name}"] = protection.column_name(made, column.name)
        guard.attach(protection.labels(section, self._environment), objects)
        guard.keep_apart(flow.tables, flow.dynamic)


def _quote(name: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.format('"{0}"', name)


def _quoted(names: dict[str, pulumi.Output[str]]) -> dict[str, pulumi.Output[str]]:
    return {name: _quote(output) for name, output in names.items()}
