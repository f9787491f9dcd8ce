"""Opaque cursors of pages and checkpoints of imports. They hold a position, and work only where they were given."""

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from plinth_runtime.vectors.errors import InvalidRequestError
from plinth_runtime.vectors.filters import Node
from plinth_runtime.vectors.records import Imported, Record

LONGEST = 8192


def scope(tenant: str, collection: str, where: Node | None) -> str:
    """What a cursor belongs to: a digest of tenant, collection and filter."""
    return hashlib.blake2b(repr((tenant, collection, where)).encode(), digest_size=9).hexdigest()


def sealed(state: Any, where: str) -> str:
    """A cursor for an engine's state."""
    text = json.dumps([where, state], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def opened(cursor: object, where: str) -> Any:
    """The engine's state in a cursor.

    Raises:
        InvalidRequestError: it is none of ours, or belongs to another tenant, collection or filter.
    """
    try:
        if type(cursor) is not str or len(cursor) > LONGEST:
            raise ValueError
        found, state = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidRequestError("the cursor is not one that a page gave") from None
    if found != where:
        raise InvalidRequestError("the cursor belongs to another tenant, collection or filter")
    return state


class Progress:
    """How far an import is: a count and a running digest of ids, so that another source is noticed."""

    def __init__(self, where: str) -> None:
        self._scope = where
        self._count = 0
        self._digest = b""

    async def resume(self, source: AsyncIterator[Record], checkpoint: str | None) -> None:
        """Skip what was imported before the checkpoint.

        Raises:
            InvalidRequestError: the source is shorter, or has other ids.
        """
        if checkpoint is None:
            return
        state = opened(checkpoint, self._scope)
        if not isinstance(state, list) or len(state) != 2 or type(state[0]) is not int:
            raise InvalidRequestError("the checkpoint is not one that an import gave")
        while self._count < state[0]:
            record = await anext(source, None)
            if record is None:
                break
            self._add(record)
        if [self._count, self._digest.hex()] != state:
            raise InvalidRequestError(
                "the source is not the one that the checkpoint was taken from: its first ids differ",
                fix="Import it from its start, without a checkpoint: records that are there are replaced",
            )

    def after(self, records: Sequence[Record]) -> Imported:
        """The checkpoint after these records, too."""
        for record in records:
            self._add(record)
        return Imported(self._count, sealed([self._count, self._digest.hex()], self._scope))

    def _add(self, record: Record) -> None:
        self._digest = hashlib.blake2b(
            self._digest + record.id.encode("utf-8", "surrogatepass"), digest_size=12
        ).digest()
        self._count += 1
