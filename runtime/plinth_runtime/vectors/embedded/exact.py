"""Exact search with numpy over a collection's vectors in memory, kept in step with the file."""

import sqlite3
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plinth_runtime.vectors.config import Distance

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

LARGEST_BYTES = 512 * 1024 * 1024
"""Most memory for the vectors of one collection; larger ones are read from the file for each search."""

CHUNK = 4096


class Matrix:
    """The vectors of a collection, as of when the file was last looked at."""

    def __init__(self, number: int, dimensions: int) -> None:
        self._number, self._dimensions = number, dimensions
        self._rows: Rows = np.empty(0, np.int64)
        self._vectors: Vectors = np.empty((0, dimensions), np.float32)
        self._norms: Vectors = np.empty(0, np.float32)
        self._used = 0
        self._erased = -1

    def refresh(self, connection: sqlite3.Connection, erased: int) -> bool:
        """Read what is new, leave out what is gone; `False` when it would not fit into memory.

        Args:
            connection: the tenant's file, within a read transaction.
            erased: the collection's count of deletions.
        """
        (total,) = connection.execute(f"SELECT count(*) FROM records_{self._number}").fetchone()
        if total * self._dimensions * 4 > LARGEST_BYTES:
            self.__init__(self._number, self._dimensions)
            return False
        if erased != self._erased:
            self._leave_out(connection)
            self._erased = erased
        newest = int(self._rows[self._used - 1]) if self._used else 0
        missing = total - self._used
        if missing:
            self._grow(self._used + missing)
            for rows, vectors in chunks(connection, self._number, self._dimensions, newest):
                end = self._used + len(rows)
                self._rows[self._used : end], self._vectors[self._used : end] = rows, vectors
                self._norms[self._used : end] = np.linalg.norm(vectors, axis=1)
                self._used = end
        return True

    def nearest(
        self, wanted: "array[float]", distance: Distance, limit: int, among: Rows | None
    ) -> list[tuple[int, float]]:
        """Rows with the best scores, best first; `among` leaves only these rows."""
        rows, vectors, norms = (part[: self._used] for part in (self._rows, self._vectors, self._norms))
        if among is not None:
            kept = np.flatnonzero(np.isin(rows, among, assume_unique=True))
            rows, vectors, norms = rows[kept], vectors[kept], norms[kept]
        return best(rows, scores(vectors, norms, np.frombuffer(wanted, np.float32), distance), limit)

    def _leave_out(self, connection: sqlite3.Connection) -> None:
        if not self._used:
            return
        there = np.fromiter((row for (row,) in connection.execute(f"SELECT row FROM records_{self._number}")), np.int64)
        kept = np.flatnonzero(np.isin(self._rows[: self._used], there, assume_unique=True))
        self._rows, self._vectors, self._norms = self._rows[kept], self._vectors[kept], self._norms[kept]
        self._used = len(kept)

    def _grow(self, size: int) -> None:
        if size <= len(self._rows):
            return
        room = size if not self._used else max(size, len(self._rows) * 5 // 4)
        for name, shape in (("_rows", (room,)), ("_vectors", (room, self._dimensions)), ("_norms", (room,))):
            old = getattr(self, name)
            new = np.empty(shape, old.dtype)
            new[: self._used] = old[: self._used]
            setattr(self, name, new)


def chunks(
    connection: sqlite3.Connection,
    number: int,
    dimensions: int,
    after: int,
    where: str = "1",
    given: tuple[object, ...] = (),
) -> Iterator[tuple[Rows, Vectors]]:
    """Rows and vectors in the order of rows, some thousands at a time."""
    cursor = connection.execute(
        f"SELECT row, embedding FROM records_{number} WHERE row > ? AND {where} ORDER BY row", (after, *given)
    )
    while part := cursor.fetchmany(CHUNK):
        rows = np.fromiter((row for row, _ in part), np.int64, len(part))
        vectors = np.frombuffer(b"".join(blob for _, blob in part), np.float32).reshape(len(part), dimensions)
        yield rows, vectors


def scores(vectors: Vectors, norms: Vectors, wanted: Vectors, distance: Distance) -> Vectors:
    """Score of each vector; larger is nearer."""
    if distance == "l2":
        # Not by the scalar product: where vectors are near each other, that loses their small differences.
        return -np.linalg.norm(vectors - wanted, axis=1)
    products = vectors @ wanted
    return products / (norms * np.linalg.norm(wanted)) if distance == "cosine" else products


def best(rows: Rows, found: Vectors, limit: int) -> list[tuple[int, float]]:
    """The rows with the largest scores, largest first; ties by row."""
    if len(rows) > limit:
        kept = np.argpartition(-found, limit - 1)[:limit]
        rows, found = rows[kept], found[kept]
    order = np.lexsort((rows, -found))
    return [(int(rows[at]), float(found[at])) for at in order]


def streamed(
    connection: sqlite3.Connection,
    number: int,
    wanted: "array[float]",
    distance: Distance,
    limit: int,
    where: str,
    given: tuple[object, ...],
) -> list[tuple[int, float]]:
    """The nearest rows of a collection that does not fit into memory."""
    query = np.frombuffer(wanted, np.float32)
    rows, found = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, vectors in chunks(connection, number, len(wanted), 0, where, given):
        more = scores(vectors, np.linalg.norm(vectors, axis=1), query, distance)
        kept = best(np.concatenate((rows, some)), np.concatenate((found, more)), limit)
        rows = np.array([row for row, _ in kept], np.int64)
        found = np.array([score for _, score in kept], np.float32)
    return best(rows, found, limit)
