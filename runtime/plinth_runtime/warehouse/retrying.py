"""When to ask again: only what is safe, a few times, and never more than a share of all that is asked."""

import random
from collections.abc import Callable

from plinth_runtime.warehouse.config import RetryBudget
from plinth_runtime.warehouse.errors import QueryFailedError, UnreachableError, WarehouseError

TRANSIENT = frozenset(
    {
        604,  # the query was aborted, by its warehouse being stopped for example
        625,  # the statement was rejected because of a lock
        630,  # a statement on the same table waited too long
        90073,  # the warehouse is starting or resizing
        90109,  # the warehouse has been suspended
        300002,  # internal error of the server
        370001,  # internal error of the server
    }
)
"""Snowflake's error numbers after which the same statement may work. Source: messages of Snowflake's connectors."""

NEVER_RAN = frozenset({390111, 390112, 390114, 390195})
"""The session is gone or expired: the statement was refused before it began."""


class Retries:
    """The budget of one client: every query earns a part of a retry, every retry spends one."""

    def __init__(self, limits: RetryBudget, draw: Callable[[], float] = random.random) -> None:
        self._limits = limits
        self._draw = draw
        self._saved = float(limits.reserve)

    @property
    def saved(self) -> float:
        """Retries that may still be spent."""
        return self._saved

    def earn(self) -> None:
        """Count a query."""
        self._saved = min(self._limits.reserve, self._saved + self._limits.ratio)

    def wait(self, error: WarehouseError, attempt: int, *, repeatable: bool) -> float | None:
        """Return the seconds to wait before asking again, or None: the error is final.

        Args:
            error: What went wrong.
            attempt: Attempts so far, from 1.
            repeatable: Whether doing it twice is the same as doing it once.
        """
        if attempt >= self._limits.attempts or self._saved < 1 or not _may(error, repeatable=repeatable):
            return None
        self._saved -= 1
        longest = min(self._limits.max_seconds, self._limits.base_seconds * 2 ** (attempt - 1))
        return longest * self._draw()


def _may(error: WarehouseError, *, repeatable: bool) -> bool:
    match error:
        case UnreachableError(sent=False):
            return True
        case UnreachableError():
            return repeatable
        case QueryFailedError(code=code):
            return code in NEVER_RAN or (repeatable and code in TRANSIENT)
        case _:
            return False
