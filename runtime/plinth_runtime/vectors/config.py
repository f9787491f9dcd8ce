"""Where vectors are: the type that the platform program renders and the runtime reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module. Paths are those
of the container; `plinth_runtime.files` maps them on a laptop. No value is secret: credentials are *files*.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plinth_runtime.config import Name
from plinth_runtime.vectors.endpoints import (
    AwsAuth,
    BasicAuth,
    CollectionName,
    Deadlines,
    Isolation,
    MilvusEndpoint,
    NoAuth,
    NumpyEndpoint,
    OpenSearchEndpoint,
    PgVectorEndpoint,
    PineconeEndpoint,
    QdrantEndpoint,
    S3VectorsEndpoint,
    SqliteEndpoint,
    VectorEndpoint,
)

__all__ = [
    "AwsAuth",
    "BasicAuth",
    "Collection",
    "CollectionName",
    "Deadlines",
    "Distance",
    "FieldType",
    "Isolation",
    "Language",
    "MetadataField",
    "MilvusEndpoint",
    "NoAuth",
    "NumpyEndpoint",
    "OpenSearchEndpoint",
    "PgVectorEndpoint",
    "PineconeEndpoint",
    "QdrantEndpoint",
    "S3VectorsEndpoint",
    "SqliteEndpoint",
    "VectorEndpoint",
    "VectorSetup",
    "VectorStores",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Distance = Literal["cosine", "l2", "inner_product"]
"""How nearness is measured."""

FieldType = Literal["string", "integer", "number", "boolean"]
"""Type of a metadata field: text, a whole number (at most 2^53), a 64-bit float, or true and false."""

Language = Literal["simple", "english", "german", "french", "spanish", "italian", "portuguese", "dutch"]
"""How the lexical arm cuts text into words; `simple` only folds case. Some engines know no other."""


class MetadataField(_Model):
    """A field of a record's metadata that filters may use. Other fields are kept and returned, never searched."""

    name: CollectionName
    """Name of the field."""

    type: FieldType = "string"
    """Type of its values; a record whose value has another type is refused."""


class Collection(_Model):
    """Vectors of one kind, with the text and the metadata that belong to them."""

    name: CollectionName
    """Name of the collection, the same for every tenant."""

    dimensions: Annotated[int, Field(ge=1, le=16_000)]
    """Length of each vector, in 32-bit floats. What an engine takes is checked in `VectorStores`."""

    distance: Distance = "cosine"
    """How nearness is measured."""

    fields: list[MetadataField] = []
    """Metadata that filters may use."""

    lexical: bool = True
    """Whether the text is indexed too, so that hybrid search has a second arm."""

    language: Language = "simple"
    """Language of the text."""

    hnsw_m: Annotated[int, Field(ge=4, le=64)] = 16
    """HNSW links per node; engines without HNSW, or that choose for themselves, leave it aside."""

    hnsw_ef_construction: Annotated[int, Field(ge=8, le=512)] = 128
    """HNSW candidates considered while building."""

    hnsw_ef_search: Annotated[int, Field(ge=10, le=1000)] = 160
    """HNSW candidates considered while searching: the default finds at least 99 of the true 100 in our benchmark."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        twice = _twice(field.name for field in self.fields)
        if twice:
            raise ValueError(f"collection {self.name} declares the field {twice[0]} twice")
        return self


MOST_DIMENSIONS: dict[str, int] = {
    "sqlite": 8_192,
    "numpy": 16_000,
    "pgvector": 2_000,
    "qdrant": 16_000,
    "milvus": 16_000,
    "pinecone": 16_000,
    "s3_vectors": 4_096,
    "opensearch": 16_000,
}
"""Longest vector that each engine indexes: pgvector's README (HNSW on `vector`), Amazon S3 Vectors' limits,
OpenSearch's `knn_vector`; the others take more than a collection may ask for."""

NO_LEXICAL = frozenset({"pinecone", "s3_vectors"})
"""Engines that have no search by words, as far as we use them."""


class VectorStores(_Model):
    """All vector stores of a workload, and which collection lives where.

    Two stores and a split of the collections over them is the *hybrid* choice.
    """

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    stores: dict[Name, VectorEndpoint]
    """The engines, by a name of ours."""

    collections: list[Collection]
    """The collections; every tenant has each of them, with its own records."""

    placement: dict[CollectionName, Name] = {}
    """Store of each collection. A collection that is not named is in `default_store`."""

    default_store: Name | None = None
    """Store of collections that `placement` does not name. May be left out where there is one store only."""

    def store_of(self, collection: str) -> str:
        """Name of the store that a declared collection lives in."""
        return self.placement.get(collection) or self.default_store or next(iter(self.stores))

    @model_validator(mode="after")
    def _resolves(self) -> Self:
        known = [collection.name for collection in self.collections]
        mistakes = [f"collection {name} is declared twice" for name in _twice(known)]
        mistakes += [
            f"placement names the collection {name}, which is not declared"
            for name in self.placement
            if name not in known
        ]
        named = {*self.placement.values(), *([self.default_store] if self.default_store else [])}
        mistakes += [
            f"no store is called {name} (there are: {', '.join(self.stores) or 'none'})"
            for name in sorted(named - set(self.stores))
        ]
        homeless = [name for name in known if name not in self.placement]
        if homeless and not self.default_store and len(self.stores) != 1:
            mistakes.append(f"default_store is missing, and placement does not say where {homeless[0]} lives")
        if not mistakes:
            mistakes = [text for item in self.collections if (text := self._misfit(item))]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _misfit(self, collection: Collection) -> str | None:
        store = self.store_of(collection.name)
        kind = self.stores[store].kind
        if collection.dimensions > MOST_DIMENSIONS[kind]:
            return (
                f"collection {collection.name} has {collection.dimensions} dimensions, {kind} (store {store}) takes "
                f"at most {MOST_DIMENSIONS[kind]}"
            )
        if collection.lexical and kind in NO_LEXICAL:
            return (
                f"collection {collection.name} asks for a lexical index, which {kind} (store {store}) has not: "
                "set lexical to false, or place it in another store"
            )
        if kind == "s3_vectors" and collection.distance == "inner_product":
            return f"collection {collection.name}: {kind} (store {store}) measures cosine and l2 only"
        return None


class VectorSetup(_Model):
    """What the Job `plinth-runtime vector-schema --config PATH` makes, on any engine. It may run any number of times.

    Every collection is made for every tenant in the store that `stores` places it in; what is there already is kept,
    and what differs from the declaration and cannot be changed ends the Job with a message. For pgvector the login of
    the Job makes the database (from `postgres`) and the extension too, and must be the owner or the master user; with
    `dedicated` isolation it makes the role and schema `tenant_<name>`, which it becomes a member of.
    """

    version: Literal["v2"]
    """Version of this shape. `v1` is `plinth_runtime.vector_schema.VectorSchema`: pgvector alone, with logins."""

    stores: VectorStores
    """The engines and collections: the same value that the workloads read. The credential files that it names must be
    mounted in the Job, with the right to make collections; workloads can do with less."""

    tenants: list[Name] = []
    """Tenants that get their part of every collection. A workload makes that part itself when it is missing."""


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
