"""Makes collections in the vector stores that have no schema of SQL: Qdrant, S3 Vectors, OpenSearch and the others.

`plinth-runtime vector-collections --config PATH` runs as a Kubernetes Job. What it does can be done again at any time:
it makes what is missing, and never drops anything.

Only pydantic and the standard library are imported at the top, because Pulumi programs build `VectorCollections`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from plinth_runtime.config import Name
from plinth_runtime.vectors.config import VectorStores


class VectorCollections(BaseModel):
    """Where the stores are, what must be in them, and whose."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    stores: VectorStores
    """The stores, and the collections that each keeps."""

    tenants: list[Name] = []
    """Tenants that have each of the collections."""
