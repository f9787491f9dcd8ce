"""What an engine must provide, behind the checks, deadlines and fusion that `view` has for all of them."""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from plinth_runtime.vectors.config import Collection, Deadlines
from plinth_runtime.vectors.errors import InvalidRequestError, VectorError
from plinth_runtime.vectors.filters import Node
from plinth_runtime.vectors.records import Hit, Made, Record, Stats, Stored

_TENANT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_TENANT = 63


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant whose name has been checked: lower-case letters, digits and single dashes, at most 63."""

    name: str

    def __post_init__(self) -> None:
        # The exact type: a subclass of str could answer differently each time that it is asked.
        if type(self.name) is not str or len(self.name) > LONGEST_TENANT or not _TENANT.fullmatch(self.name):
            raise InvalidRequestError(
                f"{self.name!r:.100} is not a tenant's name",
                fix="Names have lower-case letters, digits and single dashes, start with a letter, at most 63",
            )


@dataclass(frozen=True, slots=True)
class Slice:
    """A page as an engine gives it: records, and its own state for the next one, which must be JSON."""

    records: list[Record]
    state: Any | None


class Engine(Protocol):
    """One engine. Arguments have been checked; errors of client libraries are translated by `translate`."""

    where: str
    """Engine and address, for messages."""

    deadlines: Deadlines
    """Longest times."""

    batch: int
    """Most records of one write, as the engine's documentation says."""

    async def create(self, tenant: Tenant, collection: Collection) -> Made: ...

    async def drop(self, tenant: Tenant, collection: Collection) -> None: ...

    async def upsert(self, tenant: Tenant, collection: Collection, records: Sequence[Stored]) -> None: ...

    async def get(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> list[Record]: ...

    async def delete(self, tenant: Tenant, collection: Collection, ids: Sequence[str]) -> None: ...

    async def delete_where(self, tenant: Tenant, collection: Collection, where: Node) -> int: ...

    async def dense(
        self, tenant: Tenant, collection: Collection, vector: "array[float]", limit: int, where: Node | None
    ) -> list[Hit]: ...

    async def lexical(
        self, tenant: Tenant, collection: Collection, text: str, limit: int, where: Node | None
    ) -> list[Hit]: ...

    async def page(
        self, tenant: Tenant, collection: Collection, limit: int, state: Any | None, where: Node | None
    ) -> Slice: ...

    async def count(self, tenant: Tenant, collection: Collection, where: Node | None) -> int: ...

    async def stats(self, tenant: Tenant, collection: Collection) -> Stats: ...

    async def close(self) -> None: ...

    def translate(self, error: Exception) -> VectorError:
        """What a client library's exception means. The message must hold no credential."""
        ...
