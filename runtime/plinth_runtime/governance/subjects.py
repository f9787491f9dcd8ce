"""Where a person's data may be: the port that erasure and retention speak to, and what is behind it.

A store has places (tables, prefixes, collections). Each is counted and emptied for itself, so that a receipt says what
went where, and each can be emptied again at any time: what is gone is not found, and nothing else is touched.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from plinth_runtime.errors import StartupError
from plinth_runtime.governance import tables
from plinth_runtime.governance.blobs import Blobs, blobs
from plinth_runtime.governance.config import QUARANTINE, Collection, Contract, GovernanceConfig, Objects
from plinth_runtime.governance.contracts import Broken
from plinth_runtime.governance.databases import Database, quote
from plinth_runtime.governance.quarantine import Quarantine

BATCH_ROWS = 5000
"""Rows that one statement deletes, so that no transaction is long."""

SUBJECT = re.compile(r"^(?!\.{1,2}$)[^\x00-\x1f/\x7f]{1,200}$")
"""An id of a person: no slash, which would leave the person's prefix, and nothing that terminals hide."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a store that holds data of one class."""

    name: str
    data_class: str


class SubjectStore(Protocol):
    """A store that persons can be erased from. Every method raises StartupError when it cannot be used."""

    name: str
    places: Sequence[Place]

    async def count(self, place: Place, subject: str) -> int:
        """Rows or files of a person."""
        ...

    async def erase(self, place: Place, subject: str) -> int:
        """Delete what belongs to a person; gives how much the store says is gone."""
        ...

    async def anonymize(self, place: Place, subject: str) -> int:
        """Take the person out of rows that stay; gives how many."""
        ...

    async def expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        """Delete what was written before an instant, except what belongs to some persons; gives how much."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...


def check_subject(subject: str) -> str:
    """The id, if it can be one.

    Raises:
        StartupError: it cannot.
    """
    if not SUBJECT.match(subject):
        raise StartupError("--subject is 1 to 200 characters without slashes and control characters")
    return subject


class TableStore:
    """Tables of a database."""

    def __init__(self, database: Database, contracts: Sequence[Contract]) -> None:
        self.name, self._database = database.name, database
        self._contracts = {contract.name: contract for contract in contracts}
        self.places = [Place(contract.name, contract.data_class) for contract in contracts]

    async def count(self, place: Place, subject: str) -> int:
        """Rows of a person."""
        table, value = self._about(place, subject)
        if value is None:
            return 0
        query = f"SELECT count(*) FROM {tables.target(table)} WHERE {quote(table.subject or '')} = ?"  # noqa: S608 - names are quoted
        return int((await self._database.fetch(query, [value]))[0][0])

    async def erase(self, place: Place, subject: str) -> int:
        """Delete a person's rows."""
        table, value = self._about(place, subject)
        return 0 if value is None else await self._delete(table, f"{quote(table.subject or '')} = ?", [value])

    async def anonymize(self, place: Place, subject: str) -> int:
        """Empty the personal columns of a person's rows, and give them an id that leads to nobody."""
        table, value = self._about(place, subject)
        if value is None:
            return 0
        column = quote(table.subject or "")
        changes = [f"{column} = ?", *(f"{quote(item.name)} = NULL" for item in table.columns if item.personal)]
        statement = f"UPDATE {tables.target(table)} SET {', '.join(changes)} WHERE {column} = ?"  # noqa: S608 - names are quoted
        return await self._database.execute(statement, [f"erased-{secrets.token_hex(8)}", value])

    async def expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        """Delete rows that were written before an instant."""
        table = self._contracts[place.name]
        if not table.written:
            return 0
        where, values = f"{quote(table.written)} < ?", list[object]([before])
        if but and table.subject:
            held = [value for subject in but if (value := self._about(place, subject)[1]) is not None]
            column = quote(table.subject)
            if held:
                where += f" AND ({column} IS NULL OR {column} NOT IN ({', '.join('?' * len(held))}))"
            values += held
        return await self._delete(table, where, values)

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    def _about(self, place: Place, subject: str) -> tuple[Contract, object | None]:
        """The table, and the person's id as its column has it; None where no row can be about the person."""
        table = self._contracts[place.name]
        kind = next((column.type for column in table.columns if column.name == table.subject), None)
        try:
            match kind:
                case None:
                    return table, None
                case "integer":
                    number = int(subject)
                    return table, number if -(2**63) <= number < 2**63 else None
                case "uuid":
                    return table, UUID(subject)
                case _:
                    return table, subject
        except ValueError:
            return table, None

    async def _delete(self, table: Contract, where: str, values: Sequence[object]) -> int:
        """Delete rows in batches, until there are none."""
        target, keys = tables.target(table), ", ".join(map(quote, table.key))
        statement = (
            f"DELETE FROM {target} WHERE ({keys}) IN (SELECT {keys} FROM {target} WHERE {where} LIMIT {BATCH_ROWS}) "  # noqa: S608 - names are quoted
            f"AND {where}"
        )
        gone = 0
        while deleted := await self._database.execute(statement, [*values, *values]):
            gone += deleted
        return gone


class CollectionsStore:
    """Collections of vectors in PostgreSQL: a record goes with its vector, its text and its metadata."""

    def __init__(self, database: Database, collections: Sequence[Collection]) -> None:
        self.name, self._database = f"{database.name}-vectors", database
        self._collections = {collection.name: collection for collection in collections}
        self.places = [Place(collection.name, collection.data_class) for collection in collections]

    async def count(self, place: Place, subject: str) -> int:
        """Records of a person, of every tenant."""
        table, field = self._where(place)
        query = f"SELECT count(*) FROM {table} WHERE metadata ->> CAST(? AS text) = ?"  # noqa: S608 - the name is quoted
        return int((await self._database.fetch(query, [field, subject]))[0][0])

    async def erase(self, place: Place, subject: str) -> int:
        """Delete a person's records, of every tenant."""
        table, field = self._where(place)
        statement = f"DELETE FROM {table} WHERE metadata ->> CAST(? AS text) = ?"  # noqa: S608 - the name is quoted
        return await self._database.execute(statement, [field, subject])

    async def anonymize(self, place: Place, subject: str) -> int:
        """A vector says what its text said: it cannot be anonymized.

        Raises:
            StartupError: always.
        """
        raise StartupError(f"collection {place.name} cannot be anonymized: give it a class with deletion erase")

    async def expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        """Delete records that were last written before an instant."""
        table, field = self._where(place)
        held = "".join(" AND metadata ->> CAST(? AS text) IS DISTINCT FROM ?" for _ in but)
        values = [value for subject in but for value in (field, subject)]
        statement = f"DELETE FROM {table} WHERE updated_at < ?{held}"  # noqa: S608 - the name is quoted
        return await self._database.execute(statement, [before, *values])

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    def _where(self, place: Place) -> tuple[str, str]:
        collection = self._collections[place.name]
        return quote(collection.table), collection.subject_field


class ObjectsStore:
    """Files below a prefix of the person's."""

    def __init__(self, config: Objects) -> None:
        self.name, self._config, self._files = config.name, config, blobs(config.place)
        self.places = [Place(config.subject_prefix, config.data_class)]

    async def count(self, place: Place, subject: str) -> int:
        """A person's files, every version of them."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._files.versions(self._prefix(subject))))

    async def erase(self, place: Place, subject: str) -> int:
        """Delete a person's files, every version of them."""
        return await asyncio.to_thread(self._erase, subject)

    async def anonymize(self, place: Place, subject: str) -> int:
        """Files cannot be anonymized: what is in them is not known.

        Raises:
            StartupError: always.
        """
        raise StartupError(f"files of store {self.name} cannot be anonymized: give them a class with deletion erase")

    async def expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        """Delete files that were written before an instant."""
        return await asyncio.to_thread(self._expire, before, [self._prefix(subject) for subject in but])

    async def close(self) -> None:
        """Nothing is held."""

    def _erase(self, subject: str) -> int:
        return self._files.delete(list(self._files.versions(self._prefix(subject))))

    def _expire(self, before: datetime, but: Sequence[str]) -> int:
        start = self._config.subject_prefix.partition("{subject}")[0]
        old = [
            version
            for version in self._files.versions(start)
            if version.written < before and not version.name.startswith(tuple(but))
        ]
        return self._files.delete(old)

    def _prefix(self, subject: str) -> str:
        return self._config.subject_prefix.replace("{subject}", subject)


class QuarantineStore:
    """Quarantined rows: they are personal too."""

    name = QUARANTINE

    def __init__(self, files: Blobs, contracts: Sequence[Contract]) -> None:
        self._quarantine, self._files = Quarantine(files), files
        self._contracts = {contract.name: contract for contract in contracts}
        self.places = [Place(contract.name, contract.data_class) for contract in contracts]

    async def count(self, place: Place, subject: str) -> int:
        """Rows of a person."""
        return await asyncio.to_thread(self._sift, place, subject, delete=False)

    async def erase(self, place: Place, subject: str) -> int:
        """Delete a person's rows."""
        return await asyncio.to_thread(self._sift, place, subject, delete=True)

    async def anonymize(self, place: Place, subject: str) -> int:
        """Delete them all the same: what is in them is not known, and nobody reads them."""
        return await self.erase(place, subject)

    async def expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        """Delete batches that were held before an instant, except rows of some persons."""
        return await asyncio.to_thread(self._expire, place, before, but)

    async def close(self) -> None:
        """Nothing is held."""

    def _sift(self, place: Place, subject: str, *, delete: bool) -> int:
        table, found = self._contracts[place.name], 0
        for held in self._quarantine.batches(place.name):
            left = [row for row in held.rows if not _is_about(row, table, subject)]
            found += len(held.rows) - len(left)
            if delete and len(left) < len(held.rows):
                self._quarantine.settle(held, left, table.version)
        return found

    def _expire(self, place: Place, before: datetime, but: Sequence[str]) -> int:
        table, gone = self._contracts[place.name], 0
        written = {version.name: version.written for version in self._files.versions(f"{QUARANTINE}/{place.name}/")}
        for held in self._quarantine.batches(place.name):
            if written.get(held.name, before) >= before:
                continue
            kept = [row for row in held.rows if any(_is_about(row, table, subject) for subject in but)]
            if len(kept) < len(held.rows):
                gone += len(held.rows) - len(kept)
                self._quarantine.settle(held, kept, table.version)
        return gone


def _is_about(row: Broken, table: Contract, subject: str) -> bool:
    """Whether a row that nobody could read is about a person: by its column, else by the id anywhere in it."""
    try:
        content: Any = json.loads(row.original)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict) and table.subject and isinstance(content.get(table.subject), str | int):
        return str(content[table.subject]) == subject
    return re.search(rb"(?<!\w)" + re.escape(subject.encode()) + rb"(?!\w)", row.original) is not None


def fingerprint(config: GovernanceConfig, subject: str) -> str:
    """What receipts call a person: whoever knows the id can check it, and nobody can read it off."""
    return hashlib.sha256(f"{config.environment}\0{subject}".encode()).hexdigest()
