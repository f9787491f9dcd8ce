"""What exists in the stand-in cloud: which resource name has which id, and the how-manieth of that name it is.

The file survives a `kill -9`: an id is written before the engine hears of it, so what a killed update created but could
not record in its own state is found here and adopted instead of being made twice.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    urn TEXT NOT NULL, incarnation INTEGER NOT NULL, id TEXT, type TEXT NOT NULL, PRIMARY KEY (urn, incarnation)
);
CREATE TABLE IF NOT EXISTS counter (urn TEXT PRIMARY KEY, used INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Entry:
    """One resource of the stand-in cloud."""

    urn: str
    incarnation: int
    """0 for the first resource of this name, 1 for the next, ..."""
    id: str | None
    """None when its creation was begun and never finished."""
    type: str


class Ledger:
    """The table of what exists. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def next_incarnation(self, urn: str) -> int:
        """The number that the next resource of this name will have."""
        with self._lock:
            row = self._db.execute("SELECT used FROM counter WHERE urn = ?", (urn,)).fetchone()
        return row[0] if row else 0

    def begin(self, urn: str, type: str) -> int:
        """Notes that a resource is about to be created, and returns its incarnation."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            (used,) = self._db.execute(
                "INSERT INTO counter VALUES (?, 1) ON CONFLICT (urn) DO UPDATE SET used = used + 1 RETURNING used",
                (urn,),
            ).fetchone()
            self._db.execute("INSERT INTO resource VALUES (?, ?, NULL, ?)", (urn, used - 1, type))
            self._db.execute("COMMIT")
        return used - 1

    def finish(self, urn: str, incarnation: int, id: str) -> None:
        """Notes the id of the resource that was begun."""
        with self._lock:
            self._db.execute("UPDATE resource SET id = ? WHERE urn = ? AND incarnation = ?", (id, urn, incarnation))

    def abandon(self, urn: str, incarnation: int) -> None:
        """Notes that the creation was refused: nothing exists, and the number is free again."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM resource WHERE urn = ? AND incarnation = ?", (urn, incarnation))
            self._db.execute(
                "UPDATE counter SET used = ? WHERE urn = ? AND used = ?", (incarnation, urn, incarnation + 1)
            )
            self._db.execute("COMMIT")

    def latest(self, urn: str) -> Entry | None:
        """The newest resource of this name that exists or was begun."""
        return self._one("SELECT * FROM resource WHERE urn = ? ORDER BY incarnation DESC LIMIT 1", (urn,))

    def find(self, urn: str, id: str) -> Entry | None:
        """The resource of this name with this id."""
        return self._one("SELECT * FROM resource WHERE urn = ? AND id = ? ORDER BY incarnation DESC LIMIT 1", (urn, id))

    def forget(self, urn: str, id: str) -> None:
        """Notes that the resource was deleted."""
        with self._lock:
            self._db.execute("DELETE FROM resource WHERE urn = ? AND id = ?", (urn, id))

    def entries(self) -> list[Entry]:
        """Everything that exists or was begun."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM resource ORDER BY urn, incarnation").fetchall()
        return [Entry(*row) for row in rows]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _one(self, query: str, arguments: tuple[str, ...]) -> Entry | None:
        with self._lock:
            row = self._db.execute(query, arguments).fetchone()
        return Entry(*row) if row else None
