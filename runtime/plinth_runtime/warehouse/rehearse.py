"""What of some SQL runs on the emulator, and what is only parsed there: said statement by statement, never skipped."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from plinth_runtime.warehouse.client import Warehouse
from plinth_runtime.warehouse.errors import QueryFailedError, RefusedStatementError
from plinth_runtime.warehouse.request import Context
from plinth_runtime.warehouse.statements import is_known

NOT_HERE = frozenset({2, 1003, 2003, 2043, 9999})
"""Numbers with which the emulator says that it lacks something: a feature, a grammar, a function or a catalog."""


@dataclass(slots=True)
class Report:
    """Each statement is in one of the lists."""

    ran: list[str] = field(default_factory=list)
    """Ran on the emulator."""

    parsed_only: list[str] = field(default_factory=list)
    """The emulator lacks it; the parser knows its whole structure in Snowflake's dialect."""

    words_only: list[str] = field(default_factory=list)
    """The emulator lacks it, and the parser knows its first word and no more: only Snowflake can say if it is right."""


async def rehearse(warehouse: Warehouse, statements: Iterable[str], context: Context) -> Report:
    """Run what the emulator can run.

    Raises:
        RefusedStatementError: a statement is not SQL in Snowflake's dialect.
        QueryFailedError: a statement that the emulator knows failed.
    """
    report = Report()
    for sql in statements:
        known = is_known(sql)
        try:
            await warehouse.execute(sql, [], context)
        except RefusedStatementError:
            raise
        except QueryFailedError as error:
            if error.code not in NOT_HERE:
                raise
            (report.parsed_only if known else report.words_only).append(sql)
        else:
            report.ran.append(sql)
    return report
