"""Vector stores in the spec: today's shape, every engine, hybrids, and what does not fit."""

import pytest
from support.worlds import document

from plinth.spec import SpecError, load_spec
from plinth.spec.vectors import LIMITS, HybridStore, PgVectorStore, engines, kept_in, placement


def loaded(vector, **more):
    # What is governed names the environment's own collections.
    rest = {name: section for name, section in document("prod").items() if name != "governance"}
    return load_spec({**rest, "vector": vector, **more})


def problems(vector, **more):
    with pytest.raises(SpecError) as caught:
        loaded(vector, **more)
    return str(caught.value)


def hybrid(**fields):
    whole = {
        "kind": "hybrid",
        "stores": {"relational": {"kind": "pgvector"}, "lake": {"kind": "s3_vectors"}},
        "uses": {"interactive": "relational", "bulk": "lake"},
        "collections": [{"name": "documents", "dimensions": 1024}, {"name": "logs", "dimensions": 1024, "use": "bulk"}],
    }
    return {**whole, **fields}


@pytest.mark.parametrize("kind", [{"kind": "pgvector"}, {}])
def test_the_first_engine_needs_no_kind(kind):
    section = loaded({**kind, "database": "facts", "collections": [{"name": "documents", "dimensions": 384}]}).vector
    assert isinstance(section, PgVectorStore)
    assert section.database == "facts"
    assert [item.name for item in kept_in(section, "main")] == ["documents"]


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_every_engine_takes_what_it_can_index_and_refuses_more(kind):
    # As many nodes as zones for OpenSearch, a key for Pinecone.
    more = {"opensearch": {"nodes": 3}, "pinecone": {"api_key_secret": "plinth/prod/pinecone"}}.get(kind, {})
    most = LIMITS[kind].dimensions
    loaded({"kind": kind, **more, "collections": [{"name": "documents", "dimensions": most}]})
    told = problems({"kind": kind, **more, "collections": [{"name": "documents", "dimensions": most + 1}]})
    assert "vector.collections[0].dimensions" in told
    assert f"{most:,}" in told or "16000" in told


def test_a_hybrid_keeps_each_collection_where_its_use_or_it_says():
    section = loaded(
        hybrid(
            collections=[
                {"name": "documents", "dimensions": 1024},
                {"name": "logs", "dimensions": 4096, "use": "bulk"},
                {"name": "rare", "dimensions": 8, "store": "lake"},
            ]
        )
    ).vector
    assert isinstance(section, HybridStore)
    assert list(engines(section)) == ["relational", "lake"]
    assert [placement(section, item) for item in section.collections] == ["relational", "lake", "lake"]
    assert [item.name for item in kept_in(section, "lake")] == ["logs", "rare"]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (hybrid(uses={"interactive": "relational", "bulk": "laek"}), "vector.uses.bulk: 'laek'"),
        (hybrid(uses={"interactive": "relational"}), "vector.collections[1].use"),
        (hybrid(stores={"relational": {"kind": "pgvector"}}), "vector.stores"),
        (
            hybrid(stores={"relational": {"kind": "pgvector"}, "lake": {"kind": "pgvector"}}),
            "vector.stores.lake.kind: 'pgvector'",
        ),
        (
            hybrid(
                stores={"relational": {"kind": "pgvector"}, "lake": {"kind": "s3_vectors"}, "idle": {"kind": "qdrant"}}
            ),
            "vector.stores.idle",
        ),
        (hybrid(collections=[{"name": "documents", "dimensions": 4, "store": "nowhere"}]), "collections[0].store"),
        (
            {"kind": "pgvector", "collections": [{"name": "documents", "dimensions": 4, "store": "lake"}]},
            "absent: only",
        ),
        (
            {
                "kind": "s3_vectors",
                "collections": [{"name": "documents", "dimensions": 4, "distance": "inner_product"}],
            },
            "vector.collections[0].distance",
        ),
        (
            {"kind": "s3_vectors", "collections": [{"name": "documents", "dimensions": 4, "hnsw_m": 8}]},
            "chooses its index itself",
        ),
        ({"kind": "opensearch", "nodes": 4}, "vector.nodes: 4"),
        ({"kind": "opensearch", "nodes": 3, "standby": True}, "vector.standby"),
        ({"kind": "qdrant", "replicas": 1, "copies": 2}, "vector.copies: 2"),
        ({"kind": "qdrannt"}, "vector.kind: 'qdrannt'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(section, told):
    assert told in problems(section)


def test_a_bucket_has_room_for_an_index_of_every_tenant():
    many = [{"name": f"c{number}", "dimensions": 4} for number in range(3_400)]
    assert "10,000 indexes" in problems({"kind": "s3_vectors", "collections": many})
    assert len(document("prod")["tenants"]) == 3


def test_stores_that_share_an_authority_agree_on_its_generation():
    told = problems(
        hybrid(
            stores={"relational": {"kind": "qdrant"}, "lake": {"kind": "qdrant", "certificate_generation": 2}},
        )
    )
    assert "vector.stores.lake.certificate_generation: 2" in told
