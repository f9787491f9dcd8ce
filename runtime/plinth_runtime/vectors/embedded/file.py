"""One tenant's SQLite file."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.embedded import sql
from plinth_runtime.vectors.embedded.exact import Matrix
from plinth_runtime.vectors.errors import CollectionMismatchError, CollectionMissingError
from plinth_runtime.vectors.records import Made

Search = Literal["sqlite-vec", "numpy"]


@dataclass(frozen=True, slots=True)
class Found:
    """A collection in the file."""

    number: int
    declared: Collection
    erased: int


class TenantFile:
    """An open file. One thread at a time uses it, as `using` sees to; SQLite keeps other processes apart."""

    def __init__(self, path: Path, *, wait_seconds: float, extensions: bool) -> None:
        """Open or make the file.

        Args:
            path: the file; its folder is made.
            wait_seconds: longest wait for another process that writes.
            extensions: whether to search with sqlite-vec, if this Python can load it.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.matrices: dict[int, Matrix] = {}
        self._lock = threading.Lock()
        self.connection = sqlite3.connect(path, timeout=wait_seconds, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise
        self.search: Search = "sqlite-vec" if extensions and load_extension(self.connection) else "numpy"

    def _prepare(self) -> None:
        # FULL: a commit is on the disk before it is acknowledged, so a lost machine loses nothing either.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "mmap_size=1073741824"):
            self.connection.execute(f"PRAGMA {pragma}").fetchone()
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'collections'").fetchone():
            self.connection.execute(sql.CATALOG)
        self.path.chmod(0o600)

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock:
            yield self.connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection within a transaction that is kept whole or not at all."""
        with self._lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()

    def find(self, collection: Collection) -> Found:
        """The collection in the file.

        Raises:
            CollectionMissingError: it has not been made.
            CollectionMismatchError: it has another shape.
        """
        found = self._lookup(collection)
        if found is None:
            raise CollectionMissingError(
                f"collection {collection.name} has not been made", where=str(self.path), fix="Call create_collection"
            )
        _same(found.declared, collection, str(self.path))
        return found

    def create(self, collection: Collection) -> Made:
        """Make the collection unless it is there."""
        with self.writing() as connection:
            found = self._lookup(collection)
            if found:
                _same(found.declared, collection, str(self.path))
                if found.declared == collection:
                    return "unchanged"
                connection.execute(
                    "UPDATE collections SET declared = ? WHERE number = ?",
                    (collection.model_dump_json(), found.number),
                )
                return "changed"
            made = connection.execute(
                "INSERT INTO collections (name, declared) VALUES (?, ?) RETURNING number",
                (collection.name, collection.model_dump_json()),
            ).fetchone()
            for statement in sql.tables(made[0], collection):
                connection.execute(statement)
        return "made"

    def drop(self, collection: Collection) -> None:
        """Take the collection away, if it is there."""
        with self.writing() as connection:
            found = self._lookup(collection)
            if found:
                self.matrices.pop(found.number, None)
                connection.execute("DELETE FROM collections WHERE number = ?", (found.number,))
                for statement in sql.drops(found.number, lexical=found.declared.lexical):
                    connection.execute(statement)

    def _lookup(self, collection: Collection) -> Found | None:
        row = self.connection.execute(
            "SELECT number, declared, erased FROM collections WHERE name = ?", (collection.name,)
        ).fetchone()
        return Found(row[0], Collection.model_validate_json(row[1]), row[2]) if row else None


def load_extension(connection: sqlite3.Connection) -> bool:
    """Load sqlite-vec; say whether that worked. Many builds of Python cannot load extensions at all."""
    try:
        import sqlite_vec

        connection.enable_load_extension(True)
        try:
            sqlite_vec.load(connection)
        finally:
            connection.enable_load_extension(False)
    except (ImportError, AttributeError, sqlite3.Error):
        return False
    return True


def _same(found: Collection, declared: Collection, where: str) -> None:
    aspects = ("dimensions", "distance", "lexical", "language")
    differences = [
        (aspect, getattr(found, aspect), getattr(declared, aspect))
        for aspect in aspects
        if getattr(found, aspect) != getattr(declared, aspect)
    ]
    types = {field.name: field.type for field in found.fields}
    differences += [
        (f"the type of field {field.name}", types[field.name], field.type)
        for field in declared.fields
        if types.get(field.name, field.type) != field.type
    ]
    if differences:
        raise CollectionMismatchError(declared.name, differences, where=where)
