"""Names of Snowflake objects, in upper case, so that none ever needs quotes."""

from typing import Annotated

from plinth.spec.base import matches

SnowflakeName = Annotated[
    str, matches(r"^[A-Z][A-Z0-9_]{0,60}$", "upper-case letters, digits and underscores, starting with a letter")
]
"""A Snowflake identifier."""

Scope = Annotated[
    str,
    matches(
        r"^[A-Z][A-Z0-9_]{0,60}(\.[A-Z][A-Z0-9_]{0,60})?$",
        "a database, such as LAKE, or one of its schemas, such as LAKE.RAW",
    ),
]
"""A database, or one schema of it."""

AccountPart = Annotated[str, matches(r"^[A-Za-z][A-Za-z0-9_]*$", "letters, digits and underscores")]
"""Name of an organization or an account."""

ObjectName = Annotated[
    str,
    matches(
        r"^[A-Z][A-Z0-9_]{0,60}(\.[A-Z][A-Z0-9_]{0,60}){2}$",
        "the full name DATABASE.SCHEMA.NAME, in upper case",
    ),
]
"""Full name of an object in a schema."""

ColumnType = Annotated[
    str,
    matches(
        r"^(VARCHAR(\(\d{1,8}\))?|NUMBER(\(\d{1,2},\d{1,2}\))?|FLOAT|BOOLEAN|DATE|TIMESTAMP_(NTZ|LTZ|TZ)(\(\d\))?|VARIANT"
        r"|ARRAY|OBJECT|BINARY|VECTOR\(FLOAT, \d{1,4}\))$",
        "a type such as VARCHAR, NUMBER(38,0), FLOAT, BOOLEAN, DATE, TIMESTAMP_TZ, VARIANT or VECTOR(FLOAT, 1024)",
    ),
]
"""Type of a column."""


def parts(name: str) -> tuple[str, str, str]:
    """Database, schema and own name of an object."""
    database, schema, own = name.split(".")
    return database, schema, own


def schema_of(name: str) -> str:
    """Schema that an object is in, as DATABASE.SCHEMA."""
    return name.rpartition(".")[0]
