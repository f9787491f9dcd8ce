import asyncio
import json
import subprocess
import sys

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.postgres import USER, postgres

from plinth_runtime.errors import StartupError
from plinth_runtime.vector_schema import Collection, run
from plinth_runtime.vectors.pgvector.ddl import index_changes, index_name, quote, table

collections = st.builds(
    Collection,
    name=st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True),
    dimensions=st.integers(1, 2000),
    distance=st.sampled_from(["cosine", "l2", "inner_product"]),
    hnsw_m=st.integers(4, 64),
    hnsw_ef_construction=st.integers(8, 512),
)


@given(st.text(min_size=1))
def test_a_quoted_identifier_never_ends_early(text):
    quoted = quote(text)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].replace('""', "").count('"') == 0
    assert quoted[1:-1].replace('""', '"') == text


@given(collections, collections)
def test_index_names_fit_and_differ_when_the_index_does(one, other):
    assert len(index_name(one)) <= 63
    differs = (one.name, one.distance, one.hnsw_m, one.hnsw_ef_construction) != (
        other.name,
        other.distance,
        other.hnsw_m,
        other.hnsw_ef_construction,
    )
    assert (index_name(one) != index_name(other)) is differs


@given(collections)
def test_a_valid_index_is_left_alone_and_a_broken_one_is_built_again(collection):
    name = index_name(collection)
    assert index_changes(collection, {name: True, f"{collection.name}_pkey": True}) == []
    drop, create = index_changes(collection, {name: False})
    assert drop == f'DROP INDEX CONCURRENTLY "{name}"'
    assert create.startswith(f'CREATE INDEX CONCURRENTLY "{name}" ON "{collection.name}"')


def test_the_sql_of_a_collection():
    collection = Collection(name="documents", dimensions=3, distance="l2", hnsw_m=24, hnsw_ef_construction=128)
    assert '"documents" (' in table(collection)
    assert "embedding vector(3) NOT NULL" in table(collection)
    assert "PRIMARY KEY (tenant, id)" in table(collection)
    (create,) = index_changes(collection, {})
    assert create.endswith("USING hnsw (embedding vector_l2_ops) WITH (m = 24, ef_construction = 128)")


def test_the_module_is_light_enough_for_a_pulumi_program():
    code = "import sys, plinth_runtime.vector_schema; print([m for m in ('asyncpg', 'pulumi') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        yield running


@pytest.fixture
def configured(server, tmp_path):
    """Write a configuration; give the path of its file."""
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text(f"{server.password}\n")

    def write(database, *wanted, **more):
        config = {
            "host": "127.0.0.1",
            "port": server.port,
            "database": database,
            "credentials_dir": str(tmp_path),
            "collections": [collection.model_dump() for collection in wanted],
            **more,
        }
        path = tmp_path / "schema.json"
        path.write_text(json.dumps(config))
        return str(path)

    return write


def query(server, database, sql, user=USER, password=None):
    async def ask():
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=server.port,
            user=user,
            password=password or server.password,
            database=database,
            ssl="require",
        )
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%hnsw%' ORDER BY 1"
DOCUMENTS = Collection(name="documents", dimensions=3)


def test_a_store_is_made_and_making_it_again_changes_nothing(server, configured, capfd):
    config = configured("vectors", DOCUMENTS, Collection(name="select", dimensions=5, distance="inner_product"))
    assert run(config) == 0
    assert "collection documents: 1 index changes" in capfd.readouterr().out
    before = query(server, "vectors", INDEXES)
    assert len(before) == 2
    assert run(config) == 0
    assert "collection documents: unchanged" in capfd.readouterr().out
    assert query(server, "vectors", INDEXES) == before


def test_the_nearest_vectors_come_first(server, configured):
    run(configured("nearest", DOCUMENTS))
    query(
        server,
        "nearest",
        "INSERT INTO documents (tenant, id, embedding) VALUES ('search', 'x', '[1,0,0]'), ('search', 'y', '[0,1,0]')",
    )
    order = "SELECT id FROM documents WHERE tenant = 'search' ORDER BY embedding <=> '[0.9,0.1,0]'"
    assert query(server, "nearest", order) == [("x",), ("y",)]


def test_other_settings_replace_the_index_and_keep_the_rows(server, configured):
    run(configured("changing", DOCUMENTS))
    query(server, "changing", "INSERT INTO documents (tenant, id, embedding) VALUES ('search', 'x', '[1,0,0]')")
    other = DOCUMENTS.model_copy(update={"hnsw_m": 32, "distance": "l2"})
    assert run(configured("changing", other)) == 0
    assert query(server, "changing", INDEXES) == [(index_name(other),)]
    assert query(server, "changing", "SELECT id FROM documents") == [("x",)]


def test_other_dimensions_are_refused_and_nothing_is_lost(server, configured):
    run(configured("fixed", DOCUMENTS))
    query(server, "fixed", "INSERT INTO documents (tenant, id, embedding) VALUES ('search', 'x', '[1,0,0]')")
    with pytest.raises(
        StartupError, match=r"documents has vectors of 3 dimensions, the configuration says 4.*new collection"
    ):
        run(configured("fixed", DOCUMENTS.model_copy(update={"dimensions": 4})))
    assert query(server, "fixed", "SELECT id FROM documents") == [("x",)]


def test_the_servers_certificate_is_verified_where_an_authority_is_given(server, configured, tmp_path):
    assert run(configured("trusted", DOCUMENTS, ca_file=str(server.ca_file))) == 0
    with postgres() as other, pytest.raises(StartupError, match=r"certificate|CERTIFICATE"):
        run(configured("trusted", DOCUMENTS, ca_file=str(other.ca_file)))


def test_a_wrong_password_says_where_and_as_whom_and_not_what(configured, tmp_path):
    config = configured("vectors", DOCUMENTS)
    (tmp_path / "password").write_text("canary-password")
    with pytest.raises(StartupError, match=r"cannot connect to PostgreSQL at 127\.0\.0\.1.*as plinth") as failure:
        run(config)
    assert "canary" not in str(failure.value)


def test_mistakes_in_the_configuration_are_listed(configured, tmp_path):
    path = configured("vectors", DOCUMENTS, port=0, colour="red")
    with pytest.raises(StartupError, match=r"(?s)2 mistakes.*port.*colour"):
        run(path)


def test_a_tenant_gets_a_login_that_sees_its_own_collections_only(server, configured, tmp_path):
    tenants = []
    for name in ("search", "support"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "password").write_text(f"password-of-{name}")
        tenants.append({"login": name, "credentials_dir": str(folder)})
    config = configured("shared", DOCUMENTS, tenants=tenants)
    assert run(config) == 0
    assert run(config) == 0, "a second run finds the logins and keeps them"

    as_search = {"user": "search", "password": "password-of-search"}
    query(server, "shared", "CREATE TABLE mine (id int)", **as_search)
    assert query(server, "shared", "SELECT schemaname FROM pg_tables WHERE tablename = 'mine'") == [("search",)]
    as_support = {"user": "support", "password": "password-of-support"}
    for forbidden in ("SELECT * FROM search.mine", "SELECT * FROM documents", "CREATE TABLE public.theirs (id int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            query(server, "shared", forbidden, **as_support)


def test_a_changed_password_replaces_the_old_one(server, configured, tmp_path):
    (tmp_path / "analytics").mkdir()
    password = tmp_path / "analytics" / "password"
    tenants = [{"login": "analytics", "credentials_dir": str(tmp_path / "analytics")}]
    for text in ("first-password", "second-password"):
        password.write_text(text)
        run(configured("rotated", DOCUMENTS, tenants=tenants))
    assert query(server, "rotated", "SELECT 1", user="analytics", password="second-password") == [(1,)]
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(server, "rotated", "SELECT 1", user="analytics", password="first-password")


def test_what_the_server_refuses_is_said_without_a_traceback(server, configured, tmp_path):
    (tmp_path / "guest").mkdir()
    (tmp_path / "guest" / "password").write_text("guest-password")
    run(configured("closed", DOCUMENTS, tenants=[{"login": "guest", "credentials_dir": str(tmp_path / "guest")}]))
    (tmp_path / "guest" / "username").write_text("guest")
    theirs = configured("elsewhere", DOCUMENTS, credentials_dir=str(tmp_path / "guest"))
    with pytest.raises(StartupError, match="refused guest: permission denied to create database"):
        run(theirs)
