"""What goes into a vector store and what comes out."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Record:
    """A vector with its text and metadata.

    Attributes:
        id: Unique within tenant and collection; 1 to 512 bytes of UTF-8. Writing it again replaces the record.
        vector: As many finite numbers as the collection has dimensions; kept as 32-bit floats.
        content: Text that lexical search reads.
        metadata: JSON object; declared fields hold values of their type, `None` is as good as absent.
    """

    id: str
    vector: Sequence[float]
    content: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as engines get it: checked, the vector as 32-bit floats."""

    id: str
    vector: "array[float]"
    content: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found.

    Attributes:
        id: The record's.
        score: Larger is nearer. Dense: cosine similarity, negative Euclidean distance, or inner product. Lexical: the
            engine's own measure. Hybrid: the sum of weighted reciprocal ranks.
        content: The record's.
        metadata: The record's.
    """

    id: str
    score: float
    content: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on.

    Attributes:
        records: Records, in the engine's own order, which never changes for a record.
        cursor: For the next page; `None` when there is none.
    """

    records: list[Record]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Stats:
    """How large the tenant's part of a collection is.

    Attributes:
        records: Number of records.
        bytes: Space that they take in bytes; `None` where the engine does not say.
    """

    records: int
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A batch has been written and acknowledged.

    Attributes:
        records: Records of the source that are now in the store, those before a resumption included.
        checkpoint: Give it to `import_records` to go on after this batch.
    """

    records: int
    checkpoint: str


Made = Literal["made", "changed", "unchanged"]
"""What `create_collection` had to do."""
