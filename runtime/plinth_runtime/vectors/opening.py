"""Opens the stores that a configuration names. Client libraries are loaded here, each only where it is used."""

from plinth_runtime.errors import StartupError
from plinth_runtime.vectors.config import VectorEndpoint, VectorStores
from plinth_runtime.vectors.engine import Engine
from plinth_runtime.vectors.view import Stores


def open_stores(config: VectorStores) -> Stores:
    """Open every store; connections are made when they are first needed.

    Raises:
        StartupError: the client library of a store is not installed, or a credential file cannot be read.
    """
    opened = {name: open_engine(endpoint) for name, endpoint in config.stores.items()}
    return Stores(
        {collection.name: opened[config.store_of(collection.name)] for collection in config.collections},
        {collection.name: collection for collection in config.collections},
    )


def open_engine(endpoint: VectorEndpoint) -> Engine:
    """Open one engine.

    Raises:
        StartupError: its client library is not installed, or a credential file cannot be read.
    """
    try:
        return _open(endpoint)
    except ModuleNotFoundError as error:
        extra = {"sqlite": "vectors", "numpy": "vectors", "pgvector": "postgres"}.get(endpoint.kind, endpoint.kind)
        raise StartupError(
            f"vector store of kind {endpoint.kind}: the package {error.name} is not installed. "
            f"Install plinth-runtime[{extra.replace('_', '-')}]"
        ) from None


def _open(endpoint: VectorEndpoint) -> Engine:
    match endpoint.kind:
        case "sqlite" | "numpy":
            from plinth_runtime.vectors.embedded.engine import EmbeddedEngine

            return EmbeddedEngine(endpoint)
        case "pgvector":
            from plinth_runtime.vectors.pgvector.engine import PgVectorEngine

            return PgVectorEngine(endpoint)
        case "qdrant":
            from plinth_runtime.vectors.qdrant import QdrantEngine

            return QdrantEngine(endpoint)
        case "milvus":
            from plinth_runtime.vectors.milvus import MilvusEngine

            return MilvusEngine(endpoint)
        case "s3_vectors":
            from plinth_runtime.vectors.s3_vectors import S3VectorsEngine

            return S3VectorsEngine(endpoint)
        case "opensearch":
            from plinth_runtime.vectors.opensearch import OpenSearchEngine

            return OpenSearchEngine(endpoint)
        case "pinecone":
            from plinth_runtime.vectors.pinecone import PineconeEngine

            return PineconeEngine(endpoint)
