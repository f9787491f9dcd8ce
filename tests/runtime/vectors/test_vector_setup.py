"""The Job that makes collections, on an engine without a server and on a real PostgreSQL."""

import json

import pytest
from support.postgres import postgres
from support.vector_engines import pgvector_endpoint

from plinth_runtime.errors import StartupError
from plinth_runtime.vector_schema import run

DOCS = {"name": "docs", "dimensions": 4, "fields": [{"name": "lang"}]}
ARCHIVE = {"name": "archive", "dimensions": 3, "lexical": False}


@pytest.fixture
def job(tmp_path):
    def make(stores, collections=(DOCS,), tenants=("search", "support"), **more):
        path = tmp_path / "setup.json"
        told = {"stores": stores, "collections": list(collections), **more}
        path.write_text(json.dumps({"version": "v2", "stores": told, "tenants": list(tenants)}))
        return run(str(path))

    return make


def test_collections_are_made_where_they_are_placed_and_once(job, tmp_path, capfd):
    folder = tmp_path / "files"
    with postgres() as server:
        stores = {
            "hot": {"kind": "sqlite", "path": str(folder)},
            "cold": pgvector_endpoint(server, tmp_path, isolation="dedicated"),
        }
        told = {"placement": {"archive": "cold"}, "default_store": "hot"}
        assert job(stores, (DOCS, ARCHIVE), **told) == 0
        said = capfd.readouterr().out
        for tenant in ("search", "support"):
            assert f"collection docs of tenant {tenant} in store hot: made" in said
            assert f"collection archive of tenant {tenant} in store cold: made" in said
        assert sorted(file.name for file in folder.glob("*.sqlite")) == ["search.sqlite", "support.sqlite"]
        assert job(stores, (DOCS, ARCHIVE), **told) == 0
        assert capfd.readouterr().out.count(": unchanged") == 4


def test_what_cannot_be_changed_ends_it_with_a_message(job, tmp_path):
    stores = {"main": {"kind": "numpy", "path": str(tmp_path / "files")}}
    job(stores)
    with pytest.raises(StartupError, match=r"docs of tenant search.*dimensions is 4, declared 5"):
        job(stores, [{**DOCS, "dimensions": 5}])


def test_an_engine_that_cannot_be_reached_ends_it_with_a_message(job, tmp_path):
    (tmp_path / "username").write_text("plinth")
    (tmp_path / "password").write_text("canary-password")
    stores = {
        "main": {
            "kind": "pgvector",
            "host": "127.0.0.1",
            "port": 1,
            "database": "vectors",
            "credentials_dir": str(tmp_path),
        }
    }
    with pytest.raises(StartupError, match=r"docs of tenant search: pgvector at 127\.0\.0\.1:1") as failure:
        job(stores)
    assert "canary" not in str(failure.value)


def test_mistakes_are_listed(job):
    with pytest.raises(StartupError, match=r"stores.*faiss"):
        job({"main": {"kind": "faiss"}})
