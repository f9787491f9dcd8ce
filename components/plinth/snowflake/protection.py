"""Tags, and the policies that follow from them: who sees which values, and which rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake import masking, sql
from plinth.snowflake.governance import Governance
from plinth.snowflake.maker import Maker, quoted
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake

TAGS, POLICIES = "TAGS", "POLICIES"
"""Schemas of the governance database."""

DATA_CLASS, LINEAGE = "DATA_CLASS", "LINEAGE"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A value of a tag on objects of one type."""

    tag: str
    value: str
    type: str
    """Type of the objects, as the provider names it."""
    objects: tuple[str, ...]
    """Their names in the spec."""

    @property
    def label(self) -> str:
        """The part of a logical name that stands for this."""
        return f"{self.tag}-{self.value}-{self.type}"


def labels(section: Snowflake, environment: Environment) -> list[Labelled]:
    """What carries which tag. Schemas, tables and columns inherit the tags of their database."""
    databases = (*(database.name for database in section.databases), section.governance_database)
    warehouses: dict[str, list[str]] = {}
    for warehouse in section.warehouses:
        warehouses.setdefault(warehouse.cost_center or environment.cost_center, []).append(warehouse.name)
    users = tuple(user.name for user in section.users)
    everywhere = {"DATABASE": databases, "WAREHOUSE": tuple(each.name for each in section.warehouses), "USER": users}
    found = [
        Labelled(tag, value, type_, names)
        for tag, value in (("ENVIRONMENT", environment.name), ("OWNER", environment.owner))
        for type_, names in everywhere.items()
        if names
    ]
    found += [Labelled("COST_CENTER", environment.cost_center, "DATABASE", databases)]
    found += [Labelled("COST_CENTER", value, "WAREHOUSE", tuple(names)) for value, names in warehouses.items()]
    return [*found, *_columns(section), *_origins(section)]


def _columns(section: Snowflake) -> Iterator[Labelled]:
    """Columns with a class, all of one class together."""
    by_class: dict[str, list[str]] = {}
    for table in section.tables:
        for column in table.columns:
            if column.data_class:
                by_class.setdefault(column.data_class, []).append(f"{table.name}.{column.name}")
    for data_class, names in by_class.items():
        yield Labelled(DATA_CLASS, data_class, "COLUMN", tuple(names))


def _origins(section: Snowflake) -> Iterator[Labelled]:
    """Where the rows of a table come from, as OpenLineage names a dataset in S3."""
    stages = {stage.name: stage for stage in section.stages}
    for pipe in section.pipes:
        stage = stages[pipe.stage]
        yield Labelled(LINEAGE, f"s3:{stage.bucket}/{stage.prefix}", "TABLE", (pipe.table,))


class Protection:
    """The tags and policies of a section, as resources."""

    def __init__(self, make: Maker, section: Snowflake, place: Governance) -> None:
        self._make, self._section, self._place = make, section, place
        self._policies = {type_: self._masking(type_) for type_ in masking.masked_types(section)}
        self._tags = {name: self._tag(name) for name in ("ENVIRONMENT", "OWNER", "COST_CENTER")}
        if section.tables:
            self._tags |= {LINEAGE: self._tag(LINEAGE), DATA_CLASS: self._class_tag()}

    def _masking(self, type_: str) -> pulumi.Output[str]:
        tag = f"{self._section.governance_database}.{TAGS}.{DATA_CLASS}"
        return snowflake.MaskingPolicy(
            self._make.logical("mask", type_),
            name=f"MASK_{type_}",
            database=self._place.database,
            schema=self._place.schemas[POLICIES],
            arguments=[{"name": "VAL", "type": type_}],
            return_data_type=type_,
            body=masking.masking_body(self._section, type_, tag),
            comment=self._make.comment,
            opts=self._make.options(snowflake.MaskingPolicy),
        ).fully_qualified_name

    def _tag(self, name: str) -> snowflake.Tag:
        return snowflake.Tag(
            self._make.logical("tag", name),
            name=name,
            database=self._place.database,
            schema=self._place.schemas[TAGS],
            comment=self._make.comment,
            opts=self._make.options(snowflake.Tag),
        )

    def _class_tag(self) -> snowflake.Tag:
        """The class of data. What is made from a tagged column gets its tag, and with it the mask."""
        return snowflake.Tag(
            self._make.logical("tag", DATA_CLASS),
            name=DATA_CLASS,
            database=self._place.database,
            schema=self._place.schemas[TAGS],
            # From most sensitive: where two sources meet, the first of these that one of them has is taken.
            ordered_allowed_values=list(reversed(masking.CLASSES)),
            propagate="ON_DEPENDENCY_AND_DATA_MOVEMENT",
            on_conflict={"allowed_values_sequence": True},
            masking_policies=list(self._policies.values()),
            comment=self._make.comment,
            opts=self._make.options(snowflake.Tag),
        )

    def attach(self, wanted: list[Labelled], objects: Mapping[tuple[str, str], pulumi.Output[str]]) -> None:
        """Put tags on objects, which `objects` gives by type and by name in the spec."""
        for each in wanted:
            identifiers = [objects[each.type, name] for name in each.objects]
            snowflake.TagAssociation(
                self._make.logical("tagged", *each.label.replace("/", "-").replace(":", "-").split()),
                object_identifiers=identifiers,
                object_type=each.type,
                tag_id=self._tags[each.tag].fully_qualified_name,
                tag_value=each.value,
                opts=self._make.options(snowflake.TagAssociation),
            )

    def keep_apart(self, tables: Mapping[str, snowflake.Table], dynamic: Mapping[str, snowflake.DynamicTable]) -> None:
        """Tenants see their own rows alone."""
        owned = [("TABLE", each.name, each.tenant_column) for each in self._section.tables if each.tenant_column]
        owned += [
            ("DYNAMIC TABLE", each.name, each.tenant_column)
            for each in self._section.dynamic_tables
            if each.tenant_column
        ]
        if not owned:
            return
        policy = snowflake.RowAccessPolicy(
            self._make.logical("tenant-rows"),
            name="TENANT_ROWS",
            database=self._place.database,
            schema=self._place.schemas[POLICIES],
            arguments=[{"name": "TENANT", "type": "VARCHAR"}],
            body=masking.row_body(self._section),
            comment=self._make.comment,
            opts=self._make.options(snowflake.RowAccessPolicy),
        )
        for kind, name, column in owned:
            made = dynamic[name] if kind == "DYNAMIC TABLE" else tables[name]
            self._attach_rows(f"{kind} ", name, column, made.fully_qualified_name, policy)

    def _attach_rows(
        self, kind: str, name: str, column: str, on: pulumi.Output[str], policy: snowflake.RowAccessPolicy
    ) -> None:
        """The provider's tables know no row access policies, so a statement attaches it."""
        named = policy.fully_qualified_name
        snowflake.Execute(
            self._make.logical("tenant-rows", name),
            execute=pulumi.Output.concat(
                "ALTER ", kind, on, " ADD ROW ACCESS POLICY ", named, f" ON ({sql.name(column)})"
            ),
            revert=pulumi.Output.concat("ALTER ", kind, on, " DROP ROW ACCESS POLICY ", named),
            opts=self._make.options(snowflake.Execute),
        )


def column_name(table: snowflake.Table, column: str) -> pulumi.Output[str]:
    """Full name of a column."""
    return pulumi.Output.all(table.fully_qualified_name, quoted(column)).apply(".".join)
