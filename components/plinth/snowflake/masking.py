"""Who sees what in a row, and which rows: bodies of masking and row access policies. Pure.

Bodies name roles as the spec has them, so that they are whole: there is no table of rights that somebody could change.
"""

from collections.abc import Mapping
from typing import get_args

from plinth.snowflake import sql
from plinth.spec.environment import DataClass
from plinth.spec.snowflake import Snowflake

CLASSES: tuple[DataClass, ...] = get_args(DataClass)
"""From least to most sensitive."""

MASKS: Mapping[str, str] = {
    "VARCHAR": "'***'",
    "NUMBER": "NULL",
    "FLOAT": "NULL",
    "DATE": "DATE_TRUNC('YEAR', VAL)",
    "TIMESTAMP_TZ": "DATE_TRUNC('YEAR', VAL)",
    "TIMESTAMP_LTZ": "DATE_TRUNC('YEAR', VAL)",
    "TIMESTAMP_NTZ": "DATE_TRUNC('YEAR', VAL)",
    "BOOLEAN": "NULL",
    "VARIANT": "NULL",
    "ARRAY": "NULL",
    "OBJECT": "NULL",
    "BINARY": "NULL",
}
"""What a value becomes, by type: a tag carries one policy for each. Of a date, the year is left."""


def kind(column_type: str) -> str:
    """A type without its length."""
    return column_type.partition("(")[0]


def may_see(section: Snowflake, data_class: DataClass) -> list[str]:
    """Roles that see a class of data as it is."""
    least = CLASSES.index(data_class)
    return [role.name for role in section.roles if CLASSES.index(role.sees) >= least]


def masking_body(section: Snowflake, type_: str, tag: str) -> str:
    """Body of the masking policy of a type: argument VAL, and the class from the tag of the column itself.

    Args:
        section: roles, with what they see.
        type_: the column's type without its length.
        tag: full name of the tag.
    """
    value = f"SYSTEM$GET_TAG_ON_CURRENT_COLUMN({sql.text(sql.name(tag))})"
    whens = " ".join(
        f"WHEN {value} = '{each}' AND ({sql.any_role(may_see(section, each))}) THEN VAL" for each in CLASSES[1:]
    )
    return f"CASE WHEN {value} = 'public' THEN VAL {whens} ELSE {MASKS[type_]} END"


def row_body(section: Snowflake) -> str:
    """Body of the row access policy: argument TENANT, and whose rows the session's roles may see."""
    tenants = [(user.tenant, user.role) for user in section.users if user.tenant]
    everything = sql.any_role([role.name for role in section.roles if role.all_tenants])
    own = [f"(TENANT = {sql.text(tenant)} AND {sql.any_role([role])})" for tenant, role in tenants]
    return " OR ".join([everything, *own])


def masked_types(section: Snowflake) -> list[str]:
    """Types of columns that are tagged with a class."""
    columns = [column for table in section.tables for column in table.columns if column.data_class]
    found = {kind(column.type) for column in columns}
    return [type_ for type_ in MASKS if type_ in found]
