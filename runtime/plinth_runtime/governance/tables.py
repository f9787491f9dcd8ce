"""What is done to a table with a contract, in SQL that every store understands."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from plinth_runtime.governance.config import Contract
from plinth_runtime.governance.databases import Database, quote


@dataclass(frozen=True, slots=True)
class Measured:
    """What a table looks like."""

    newest: datetime | None
    """When its newest row was written; None where it has none."""
    rows_last_day: int
    """Rows that the last 24 hours brought."""


def target(contract: Contract) -> str:
    """The table in SQL."""
    return ".".join(quote(part) for part in (contract.schema_name, contract.table) if part)


async def upsert(database: Database, contract: Contract, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; one with the key of another replaces it, unless that was written later.

    Writing the same rows again changes nothing.

    Raises:
        StartupError: the table refuses them; none is written then.
    """
    names = [column.name for column in contract.columns]
    kinds = {column.name: column.type for column in contract.columns}
    insert = f"INSERT INTO {target(contract)} ({', '.join(map(quote, names))}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names are quoted, values are parameters
    values = [[_value(row[name], kinds[name]) for name in names] for row in rows]
    async with database.transaction():
        await database.execute_many(f"{insert} {_conflict(contract)}", values)


def _conflict(contract: Contract) -> str:
    keys = ", ".join(quote(name) for name in contract.key)
    rest = [quote(column.name) for column in contract.columns if column.name not in contract.key]
    if not rest:
        return f"ON CONFLICT ({keys}) DO NOTHING"
    change = f"ON CONFLICT ({keys}) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in rest)
    if contract.written and contract.written not in contract.key:
        there, new = f"{quote(contract.table)}.{quote(contract.written)}", f"excluded.{quote(contract.written)}"
        change += f" WHERE {there} IS NULL OR {new} >= {there}"
    return change


def _value(value: Any, kind: str) -> Any:
    return json.dumps(value, ensure_ascii=False) if kind == "json" and value is not None else value


async def measure(database: Database, contract: Contract, now: datetime) -> Measured:
    """Look at freshness and volume.

    Raises:
        StartupError: the table cannot be read.
    """
    assert contract.written is not None
    written, table = quote(contract.written), target(contract)
    newest = await database.fetch(f"SELECT max({written}) FROM {table}")  # noqa: S608 - names are quoted
    counted = await database.fetch(
        f"SELECT count(*) FROM {table} WHERE {written} >= ?",  # noqa: S608 - names are quoted
        [now - timedelta(days=1)],
    )
    return Measured(_instant(newest[0][0]), int(counted[0][0]))


def _instant(value: object) -> datetime | None:
    """An instant as a store gives it: SQLite has text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
