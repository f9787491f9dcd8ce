"""What a caller says about a query besides its SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plinth_runtime.warehouse.config import Urgency, WarehouseEndpoint, Workload
from plinth_runtime.warehouse.errors import RefusedStatementError
from plinth_runtime.warehouse.statements import Statement, check_read_only, read

MAX_TAG_CHARACTERS = 2000
"""Source: Snowflake documentation, parameter QUERY_TAG."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, what for, and how urgently."""

    tenant: str
    """Tenant that the query is for, by which its cost is told apart and results are cached."""

    purpose: str
    """What the query is for, for example `weekly-report`."""

    request_id: str
    """Id of the request that led to it, the same as in log lines."""

    workload: Workload = "applications"
    """Which warehouses it may use."""

    urgency: Urgency = "normal"
    """Which of them."""

    read_only: bool = False
    """Refuse everything that does not only read: set it for statements that a model or a user wrote."""


@dataclass(frozen=True, slots=True)
class Request:
    """A statement that is ready to be sent."""

    sql: str
    parameters: tuple[object, ...]
    context: Context
    statement: Statement
    deadline: float
    """On the monotonic clock."""
    repeatable: bool
    """Whether doing it twice is the same as doing it once."""
    extra: dict[str, Any] = field(default_factory=dict)


def prepare(
    sql: str, parameters: Sequence[object], context: Context, deadline: float, *, idempotent: bool = False
) -> Request:
    """Check a statement before it is sent.

    Raises:
        RefusedStatementError: it is not one statement, changes a shared connection, or is not for this caller.
    """
    statement = read(sql)
    if statement.never:
        raise RefusedStatementError(f"{statement.never}; give names and parameters with each statement instead")
    if context.read_only:
        check_read_only(statement)
    repeatable = statement.kind == "read" or idempotent
    return Request(sql, tuple(parameters), context, statement, deadline, repeatable)


def tag(endpoint: WarehouseEndpoint, context: Context) -> str:
    """Return the query tag: one JSON object.

    Raises:
        RefusedStatementError: it is longer than Snowflake takes.
    """
    names = endpoint.tags
    content = {
        names.tenant: context.tenant,
        names.purpose: context.purpose,
        names.request: context.request_id,
        **names.always,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    if len(text) > MAX_TAG_CHARACTERS:
        raise RefusedStatementError(f"the query tag has {len(text)} characters, Snowflake takes {MAX_TAG_CHARACTERS}")
    return text


def warehouse_of(endpoint: WarehouseEndpoint, context: Context) -> str | None:
    """Return the warehouse for a query; the emulator may have none.

    Raises:
        RefusedStatementError: the workload has no warehouse.
    """
    chosen = endpoint.warehouses.get(context.workload)
    if chosen is not None:
        return chosen.of(context.urgency)
    if endpoint.kind == "embedded":
        return None
    raise RefusedStatementError(
        f"workload {context.workload} has no warehouse (there are: {', '.join(endpoint.warehouses)}): "
        "add it to `warehouses`, or ask as another workload"
    )
