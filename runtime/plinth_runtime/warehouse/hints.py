"""What to do about Snowflake's error numbers that people meet."""

from typing import Final

_HINTS: Final = {
    606: "no warehouse is chosen: give the workload one in `warehouses`, and grant USAGE on it to the role",
    1003: "the SQL is not Snowflake's",
    1063: "a value does not fit the type that it is compared with or stored in",
    2003: "the table is not there, or the role has no privilege on it: check database and schema, then the grants",
    2043: "the object is not there, or the role has no privilege on it: check database and schema, then the grants",
    3001: "the role lacks a privilege: grant it to the role, not to the user",
    90073: "the warehouse is starting: ask again",
    90105: "the session has no database: name it, or set `database`",
    90106: "the session has no schema: name it, or set `schema_name`",
    100038: "a text is not a number",
    100072: "a column that must not be empty was given NULL",
    390422: "the network policy does not let this address in",
}
"""By number. Source: messages of Snowflake's services."""


def hint(code: int) -> str:
    """Return what to do, as the end of a sentence, or nothing."""
    return f" - {_HINTS[code]}" if code in _HINTS else ""
