"""What every vector store does. Open one with `plinth_runtime.vectors.opening.open_stores`.

    async with open_stores(config) as stores:
        docs = stores.for_tenant("search")
        await docs.create_collection("documents")
        await docs.upsert("documents", [Record("a", vector, "text", {"lang": "en"})])
        hits = await docs.hybrid_search("documents", vector, "text", where=Eq("lang", "en"))

Every method ends within the endpoint's deadline and raises a `plinth_runtime.vectors.errors.VectorError`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from plinth_runtime.vectors.filters import Filter
from plinth_runtime.vectors.records import Hit, Imported, Made, Page, Record, Stats


class TenantView(Protocol):
    """One tenant's records in the declared collections. No argument of any method can name another tenant."""

    async def create_collection(self, collection: str) -> Made:
        """Make the tenant's part of a declared collection; done again, it changes nothing.

        Raises:
            CollectionMismatchError: it is there and differs in what cannot be changed; the error says in what.
        """
        ...

    async def drop_collection(self, collection: str) -> None:
        """Delete the tenant's part of a collection, with all its records. Other tenants' stay."""
        ...

    async def upsert(self, collection: str, records: Sequence[Record]) -> int:
        """Write records; return how many. When it returns, they survive the loss of the process.

        Records are written in batches that the engine takes; should one fail, those before it are kept, and writing
        all again does no harm.
        """
        ...

    async def get(self, collection: str, ids: Sequence[str]) -> list[Record]:
        """Records by id, in the order asked for; those that are not there are left out."""
        ...

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete records by id; those that are not there are no error."""
        ...

    async def delete_where(self, collection: str, where: Filter) -> int:
        """Delete the records that satisfy a filter; return how many there were."""
        ...

    async def search(
        self, collection: str, vector: Sequence[float], *, limit: int = 10, where: Filter | None = None
    ) -> list[Hit]:
        """The nearest records, nearest first."""
        ...

    async def hybrid_search(
        self,
        collection: str,
        vector: Sequence[float],
        text: str,
        *,
        limit: int = 10,
        where: Filter | None = None,
        candidates: int = 50,
        dense_weight: float = 1.0,
        lexical_weight: float = 1.0,
    ) -> list[Hit]:
        """The best of a dense and a lexical search, fused by weighted reciprocal rank (Cormack et al., 2009; k = 60).

        Args:
            collection: a collection with `lexical`.
            vector: what the dense search looks for.
            text: what the lexical search looks for; words are alternatives, the more the better.
            limit: most records.
            where: filter for both.
            candidates: how many each of the two searches contributes.
            dense_weight: weight of the dense search; 0 leaves it out.
            lexical_weight: weight of the lexical search; 0 leaves it out.
        """
        ...

    async def page(
        self, collection: str, *, limit: int = 100, cursor: str | None = None, where: Filter | None = None
    ) -> Page:
        """Some records and a cursor for the next page.

        Whoever follows the cursors meets each record that existed throughout exactly once; records that come or go
        meanwhile may be met or not. A page may hold fewer than `limit`, even none, while there are more.
        """
        ...

    async def count(self, collection: str, where: Filter | None = None) -> int:
        """How many records there are, exactly."""
        ...

    async def stats(self, collection: str) -> Stats:
        """How large the tenant's part is."""
        ...

    def import_records(
        self, collection: str, source: AsyncIterator[Record], *, batch: int = 500, checkpoint: str | None = None
    ) -> AsyncIterator[Imported]:
        """Write a source of any length, holding one batch in memory; yield after each batch that is acknowledged.

        To go on after an interruption, pass the same source from its start and the last checkpoint: what came before
        is skipped, and checked to be the same ids.

        Raises:
            InvalidRequestError: the source is not the one that the checkpoint was taken from.
        """
        ...


class VectorStore(Protocol):
    """The stores of a workload."""

    def for_tenant(self, tenant: str) -> TenantView:
        """The view of one tenant.

        Raises:
            InvalidRequestError: that is not a tenant's name.
        """
        ...

    async def close(self) -> None:
        """Give connections and files back. Safe to call again."""
        ...
