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
