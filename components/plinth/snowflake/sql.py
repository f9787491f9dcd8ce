"""The SQL that the platform writes itself. Pure; names of the spec never need quotes, and get them all the same."""

from collections.abc import Sequence

from plinth.spec.snowflake.flow import SnowflakePipe, SnowflakeStage


def name(full: str) -> str:
    """A full name in quotes."""
    return ".".join(f'"{part}"' for part in full.split("."))


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def copy(pipe: SnowflakePipe, stage: SnowflakeStage) -> str:
    """What a pipe runs: columns by name, and a file with a mistake is left out as a whole and reported."""
    return (
        f"COPY INTO {name(pipe.table)} FROM @{name(pipe.stage)}"
        f" FILE_FORMAT = (FORMAT_NAME = {text(name(f'{stage.name}_FORMAT'))})"
        " MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = SKIP_FILE"
    )


def has_news(stream: str) -> str:
    """Whether a stream has something new."""
    return f"SYSTEM$STREAM_HAS_DATA({text(name(stream))})"


def any_role(roles: Sequence[str]) -> str:
    """Whether one of the roles is active in the session, on its own or through one that inherits it."""
    return " OR ".join(f"IS_ROLE_IN_SESSION({text(role)})" for role in roles) or "FALSE"
