"""Results that are given again: by tenant and role, statement and values, for a short time, within a fixed memory."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plinth_runtime.warehouse.config import CacheLimits

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Key:
    """Everything that a result depends on. Two tenants never share one, whatever their roles may read."""

    tenant: str
    role: str
    database: str
    fingerprint: str
    parameters: str


def parameters_digest(parameters: Sequence[object]) -> str:
    """Digest of values with their types: 1, 1.0, True and '1' are different."""
    digest = hashlib.sha256()
    for value in parameters:
        part = f"{type(value).__module__}.{type(value).__qualname__}:{value!r}".encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


@dataclass(slots=True)
class _Entry:
    table: "pa.Table"
    size: int
    until: float


class ResultCache:
    """Arrow tables, which are immutable, so that all readers share them."""

    def __init__(self, limits: CacheLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all results that are kept."""
        return self._size

    def get(self, key: Key) -> "pa.Table | None":
        """Return a result that is still fresh."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.table

    def put(self, key: Key, table: "pa.Table") -> None:
        """Keep a result, unless it is too large; the least recently used ones make room."""
        self._drop(key)
        size = table.get_total_buffer_size()
        if size > self._limits.max_entry_bytes:
            return
        self._entries[key] = _Entry(table, size, self._clock() + self._limits.ttl_seconds)
        self._size += size
        while self._size > self._limits.max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, tenant: str) -> None:
        """Drop what a tenant has, for example after its data was erased."""
        for key in [key for key in self._entries if key.tenant == tenant]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._size -= entry.size
