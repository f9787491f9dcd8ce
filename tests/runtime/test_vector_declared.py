"""Tenants' own collections: what a document may ask for, and that it is made in a real (embedded) store."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.main import main
from plinth_runtime.vector_declared import DeclaredStores, Refused, Wanted, store_name, understand
from plinth_runtime.vectors.config import S3VectorsEndpoint, SqliteEndpoint

TENANT = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True)


def document(name="passages", store="lake", **collection):
    return json.dumps({"store": store, "collection": {"name": name, "dimensions": 3, **collection}})


def stores(path="/var/lib/vectors", **more):
    lake = S3VectorsEndpoint(kind="s3_vectors", bucket="vectors", region="us-east-1")
    return DeclaredStores(
        stores={"files": SqliteEndpoint(path=path), "lake": lake}, tenants=["search", "data-team"], **more
    )


@given(st.tuples(TENANT, NAME), st.tuples(TENANT, NAME))
def test_no_two_tenants_share_a_name(one, other):
    assert (store_name(*one) == store_name(*other)) == (one == other)


def test_a_document_belongs_to_whom_its_place_says():
    (wanted,) = understand(stores(), {"data-team.passages.json": document(lexical=False)})
    assert isinstance(wanted, Wanted)
    assert (wanted.tenant, wanted.store, wanted.collection.name) == ("data-team", "lake", "data_team__passages")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("stranger.passages.json", document(lexical=False), "no tenant is named 'stranger'"),
        ("search.other.json", document(lexical=False), "stored as 'other'"),
        ("passages.json", document(), "not named <tenant>.<name>.json"),
        ("search.passages.json", document(store="laek"), "no store is called 'laek'"),
        ("search.passages.json", document(dimensions=5000, lexical=False), "at most 4096"),
        ("search.passages.json", document(lexical=True), "lexical"),
        ("search.passages.json", document(tenant="data-team"), "tenant"),
        ("search.passages.json", "{", "document"),
        (f"search.{'p' * 60}.json", document(name="p" * 60, lexical=False), "too long"),
    ],
)
def test_a_document_that_cannot_be_taken_is_left_out_with_its_reason(file, text, told):
    good = {"search.good.json": document(name="good", lexical=False)}
    refused, taken = sorted(understand(stores(), {file: text, **good}), key=lambda item: isinstance(item, Wanted))
    assert isinstance(refused, Refused)
    assert (refused.file, told in refused.reason) == (file, True), refused.reason
    assert isinstance(taken, Wanted)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "documents").mkdir()
    config = stores(str(tmp_path / "vectors"), directory=str(tmp_path / "documents"))
    (tmp_path / "stores.json").write_text(config.model_dump_json())

    def run(**documents):
        for name, text in documents.items():
            (tmp_path / "documents" / f"search.{name}.json").write_text(text)
        return main(["vector-declared", "--config", str(tmp_path / "stores.json")])

    return run


def test_what_is_declared_is_made_once_and_the_rest_is_said(job, capsys):
    assert job(passages=document(store="files"), bad=document(name="other", store="files")) == 0
    said = capsys.readouterr().out
    assert "collection search__passages of tenant search in store files: made" in said
    assert "search.bad.json is left out" in said
    assert job() == 0
    assert "search__passages of tenant search in store files: unchanged" in capsys.readouterr().out


def test_a_store_that_refuses_is_said_and_ends_with_an_error(job, capsys):
    assert job(passages=document(store="files")) == 0
    assert job(passages=document(store="files", dimensions=4)) == 1
    said = capsys.readouterr().out
    assert "cannot be changed in place" in said
    assert "Traceback" not in said


def test_without_documents_there_is_nothing_to_do(job, tmp_path):
    (tmp_path / "documents").rmdir()
    assert job() == 0
