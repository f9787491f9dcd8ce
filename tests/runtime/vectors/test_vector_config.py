"""What configuration of vector stores is refused, and that it crosses as JSON unchanged."""

import pytest
from pydantic import ValidationError

from plinth_runtime.vectors.config import VectorStores

DOCS = {"name": "docs", "dimensions": 8}
SQLITE = {"kind": "sqlite", "path": "/var/lib/plinth/vectors"}
S3 = {"kind": "s3_vectors", "bucket": "acme-vectors", "region": "eu-central-1"}
EVERY = {
    "sqlite": SQLITE,
    "numpy": {"kind": "numpy", "path": "/var/lib/plinth/vectors"},
    "pgvector": {"kind": "pgvector", "host": "db.acme.example", "database": "vectors"},
    "qdrant": {"kind": "qdrant", "url": "https://qdrant:6333", "api_key_file": "/etc/plinth/qdrant/key"},
    "milvus": {"kind": "milvus", "url": "https://milvus:19530", "isolation": "dedicated"},
    "pinecone": {"kind": "pinecone", "api_key_file": "/etc/plinth/pinecone/key"},
    "s3-vectors": S3,
    "opensearch": {"kind": "opensearch", "url": "https://search:9200", "auth": {"kind": "aws", "region": "eu-west-1"}},
}


def test_every_engine_crosses_as_json_unchanged():
    stores = VectorStores(stores=EVERY, collections=[DOCS], default_store="pgvector")
    assert VectorStores.model_validate_json(stores.model_dump_json()) == stores
    assert [endpoint.kind.replace("_", "-") for endpoint in stores.stores.values()] == list(EVERY)


def test_a_hybrid_choice_splits_collections():
    other = {"name": "archive", "dimensions": 8, "lexical": False}
    stores = VectorStores(
        stores={"hot": SQLITE, "cold": S3},
        collections=[DOCS, other],
        placement={"archive": "cold"},
        default_store="hot",
    )
    assert (stores.store_of("docs"), stores.store_of("archive")) == ("hot", "cold")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"placement": {"dcos": "main"}}, "names the collection dcos, which is not declared"),
        ({"placement": {"docs": "mian"}}, r"no store is called mian \(there are: main\)"),
        ({"collections": [DOCS, DOCS]}, "docs is declared twice"),
        ({"stores": {"main": SQLITE, "other": SQLITE}}, "placement does not say where docs lives"),
        ({"stores": {}}, "placement does not say where docs lives"),
        ({"stores": {"main": {"kind": "faiss"}}}, "faiss"),
        ({"stores": {"main": S3}}, "asks for a lexical index"),
        ({"stores": {"main": EVERY["pinecone"]}}, "asks for a lexical index, which pinecone"),
        ({"stores": {"main": {"kind": "weaviate", "url": "https://weaviate:8080"}}}, "weaviate"),
        (
            {"stores": {"main": EVERY["pgvector"]}, "collections": [{**DOCS, "dimensions": 3072}]},
            "3072 dimensions, pgvector .store main. takes at most 2000",
        ),
        (
            {"stores": {"main": S3}, "collections": [{**DOCS, "lexical": False, "distance": "inner_product"}]},
            "cosine and l2 only",
        ),
        ({"stores": {"main": {**EVERY["qdrant"], "url": "https://qdrant:6333/x"}}}, "url"),
        ({"stores": {"main": {**EVERY["qdrant"], "api_key": "secret"}}}, "api_key"),
        ({"collections": [{**DOCS, "fields": [{"name": "a"}, {"name": "a"}]}]}, "declares the field a twice"),
        ({"collections": [{**DOCS, "name": 'x"; DROP TABLE x'}]}, "name"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(ValidationError, match=message):
        VectorStores(**{"stores": {"main": SQLITE}, "collections": [DOCS], **change})
