"""What goes wrong gives a typed error within its deadline: wrong credential, closed port, silence, no room."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time

import asyncpg
import pytest
from support import fake_opensearch, fake_pinecone
from support.fake_http import serve
from support.postgres import postgres
from support.vector_engines import configured, pgvector_endpoint

from plinth_runtime.errors import StartupError
from plinth_runtime.vectors.config import Collection, Deadlines
from plinth_runtime.vectors.errors import (
    AccessDeniedError,
    CollectionMissingError,
    DeadlineError,
    OverloadedError,
    StorageFullError,
    UnavailableError,
    VectorError,
)
from plinth_runtime.vectors.records import Record
from plinth_runtime.vectors.view import Stores

DOCS = {"docs": Collection(name="docs", dimensions=4, lexical=False)}
SHORT = {"connect_seconds": 1, "search_seconds": 1, "write_seconds": 1, "build_seconds": 1}
MOST_SECONDS = 30
"""The deadline of a second, two for cleaning up, and room for a machine that is busy."""

CALLS = {
    "create": lambda view: view.create_collection("docs"),
    "upsert": lambda view: view.upsert("docs", [Record("a", [1.0, 0.0, 0.0, 0.0])]),
    "search": lambda view: view.search("docs", [1.0, 0.0, 0.0, 0.0]),
}
NETWORK = ["pgvector", "qdrant", "milvus", "pinecone", "s3_vectors", "opensearch"]


@pytest.fixture
def endpoint(tmp_path, monkeypatch):
    """An endpoint of a kind at a port of this machine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-testing")

    def make(kind, port):
        for name in ("username", "password", "key"):
            (tmp_path / name).write_text(f"canary-{name}")
        address = {"url": f"http://127.0.0.1:{port}"}
        return {
            "pgvector": {"host": "127.0.0.1", "port": port, "database": "x", "credentials_dir": str(tmp_path)},
            "qdrant": {**address, "api_key_file": str(tmp_path / "key")},
            "milvus": {**address, "token_file": str(tmp_path / "key")},
            "pinecone": {**address, "api_key_file": str(tmp_path / "key")},
            "s3_vectors": {**address, "bucket": "acme-vectors", "region": "us-east-1"},
            "opensearch": {**address, "auth": {"kind": "basic", "credentials_dir": str(tmp_path)}},
        }[kind] | {"kind": kind, "deadlines": SHORT}

    return make


def failure(told, call, collections=None):
    """The error of a call, and that it came in time."""

    async def go():
        stores = configured(told).open(collections or DOCS)
        started = time.monotonic()
        try:
            with pytest.raises(VectorError) as caught:
                await CALLS[call](stores.for_tenant("search"))
            assert time.monotonic() - started < MOST_SECONDS
            return caught.value
        finally:
            await stores.close()

    return asyncio.run(go())


@contextlib.contextmanager
def silent():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", NETWORK)
def test_a_closed_port(endpoint, kind, call):
    with silent() as port:
        pass
    error = failure(endpoint(kind, port), call)
    assert isinstance(error, UnavailableError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", NETWORK)
def test_a_server_that_never_answers(endpoint, kind, call):
    with silent() as port:
        error = failure(endpoint(kind, port), call)
    assert isinstance(error, DeadlineError | UnavailableError)
    assert "canary" not in str(error)


def test_a_wrong_password(tmp_path):
    with postgres() as server:
        told = pgvector_endpoint(server, tmp_path)
        (tmp_path / "password").write_text("canary-password")
        error = failure(told, "search")
    assert isinstance(error, AccessDeniedError)
    assert "canary" not in str(error)


@pytest.mark.parametrize("kind", ["pinecone", "opensearch"])
def test_a_key_that_is_refused(tmp_path, kind, endpoint):
    """By the stand-ins, which want another one."""
    engines = {"pinecone": fake_pinecone.Pinecone, "opensearch": fake_opensearch.OpenSearch}
    with serve(engines[kind]().answer) as site:
        error = failure(endpoint(kind, int(site.url.rpartition(":")[2])), "search")
    assert isinstance(error, AccessDeniedError)
    assert "canary" not in str(error)


def test_a_credential_file_that_is_not_there(tmp_path):
    told = {"kind": "pgvector", "host": "127.0.0.1", "port": 1, "database": "x", "credentials_dir": str(tmp_path)}
    error = failure(told, "search")
    assert isinstance(error, AccessDeniedError)
    assert "username" in str(error)
    with pytest.raises(StartupError, match="API key"):
        configured({"kind": "qdrant", "url": "http://127.0.0.1:1", "api_key_file": str(tmp_path / "none")}).open(DOCS)


def test_a_login_that_passes_row_level_security_is_refused(tmp_path):
    from support.postgres import SUPERUSER

    with postgres() as server:
        told = pgvector_endpoint(server, tmp_path)
        (tmp_path / "username").write_text(SUPERUSER)
        told["database"] = "postgres"
        error = failure(told, "search")
    assert isinstance(error, AccessDeniedError)
    assert "row-level security" in str(error)


FILL = """
import asyncio, resource, sys
from plinth_runtime.vectors.config import Collection, VectorStores
from plinth_runtime.vectors.errors import StorageFullError
from plinth_runtime.vectors.opening import open_stores
from plinth_runtime.vectors.records import Record
from plinth_runtime.vectors.view import Stores

config = VectorStores(stores={"main": {"kind": "sqlite", "path": sys.argv[1]}}, collections=[
    Collection(name="docs", dimensions=64)])

async def main():
    async with open_stores(config) as stores:
        view = stores.for_tenant("search")
        await view.create_collection("docs")
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        written = 0
        try:
            while True:
                await view.upsert("docs", [Record(f"r{written + n}", [1.0] * 64, "x" * 500) for n in range(20)])
                written += 20
        except StorageFullError as error:
            print(written, error.where)
        found = await view.count("docs")
        assert found == written, (found, written)

asyncio.run(main())
"""


def test_no_room_for_files(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    written = int(done.stdout.split()[0])
    assert written >= 20
    with sqlite3.connect(tmp_path / "search.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM records_1").fetchone() == (written,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_another_process_holds(tmp_path):
    told = {"kind": "sqlite", "path": str(tmp_path), "deadlines": {**SHORT, "write_seconds": 5}}

    async def make():
        stores = configured(told).open(DOCS)
        await stores.for_tenant("search").create_collection("docs")
        await stores.close()

    asyncio.run(make())
    holder = sqlite3.connect(tmp_path / "search.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    error = failure(told, "upsert")
    holder.close()
    assert isinstance(error, DeadlineError)
    assert "another process" in str(error)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    assert isinstance(failure({"kind": "sqlite", "path": str(tmp_path / "file")}, "search"), UnavailableError)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (asyncpg.DiskFullError("could not extend file"), StorageFullError),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), OverloadedError),
        (asyncpg.QueryCanceledError("canceling statement due to statement timeout"), DeadlineError),
        (asyncpg.CannotConnectNowError("the database system is starting up"), UnavailableError),
        (ConnectionResetError("reset"), UnavailableError),
    ],
)
def test_what_postgresql_says_is_understood(raised, expected):
    from plinth_runtime.vectors.pgvector.engine import translate

    assert isinstance(translate(raised, "pgvector"), expected)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"Must provide an API key", AccessDeniedError),
        (403, b"forbidden", AccessDeniedError),
        (429, b"", OverloadedError),
        (503, b"", UnavailableError),
        (500, b'{"status":{"error":"No space left on device: WAL buffer size exceeds"}}', StorageFullError),
    ],
)
def test_what_qdrant_says_is_understood(status, body, expected):
    import httpx
    from qdrant_client.http.exceptions import UnexpectedResponse

    from plinth_runtime.vectors.qdrant import translate

    assert isinstance(translate(UnexpectedResponse(status, "", body, httpx.Headers()), "qdrant"), expected)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (100, "collection not found[database=default]", CollectionMissingError),
        (65535, "auth check failure, please check username or password are correct", AccessDeniedError),
        (8, "request is rejected by limiter: rate limit exceeded", OverloadedError),
        (9, "quota exceeded[reason=disk quota exceeded, please allocate more resources]", StorageFullError),
    ],
)
def test_what_milvus_says_is_understood(code, message, expected):
    from pymilvus.exceptions import MilvusException

    from plinth_runtime.vectors.milvus import translate

    assert isinstance(translate(MilvusException(code, message), "milvus"), expected)


class Stubborn:
    """An engine whose client neither answers nor lets itself be cancelled."""

    where = "an engine"
    deadlines = Deadlines(search_seconds=0.2)
    batch = 1
    released = False

    async def count(self, *_):
        while not self.released:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)


def test_the_deadline_holds_whatever_a_client_does():
    engine = Stubborn()

    async def go():
        view = Stores({"docs": engine}, DOCS).for_tenant("search")
        started = time.monotonic()
        with pytest.raises(DeadlineError, match=r"reading docs took longer than 0\.2 seconds"):
            await asyncio.wait_for(view.count("docs"), MOST_SECONDS)
        assert time.monotonic() - started < MOST_SECONDS
        engine.released = True

    asyncio.run(go())
