"""No client of an engine calls home: every address that it connects to or looks up is the engine's."""

import os
import subprocess
import sys

import pytest

SPY = """
import asyncio, json, socket, sys
seen = []
def spy(name):
    real = getattr(socket.socket, name)
    def call(self, address, *rest):
        if isinstance(address, tuple):
            seen.append(str(address[0]))
        return real(self, address, *rest)
    setattr(socket.socket, name, call)
for name in ("connect", "connect_ex", "sendto"):
    spy(name)
look = socket.getaddrinfo
def spied(host, *rest, **more):
    seen.append(host.decode() if isinstance(host, bytes) else str(host))
    return look(host, *rest, **more)
socket.getaddrinfo = spied

from plinth_runtime.vectors.config import Collection, VectorStores
from plinth_runtime.vectors.errors import VectorError
from plinth_runtime.vectors.opening import open_stores

short = {"connect_seconds": 1, "search_seconds": 1, "write_seconds": 1, "build_seconds": 1}
told = json.loads(sys.argv[1]) | {"deadlines": short}
docs = Collection(name="docs", dimensions=4, lexical=False)

async def main():
    async with open_stores(VectorStores(stores={"main": told}, collections=[docs])) as stores:
        view = stores.for_tenant("search")
        for call in (view.create_collection("docs"), view.search("docs", [1.0, 0, 0, 0])):
            try:
                await call
            except VectorError:
                pass

asyncio.run(main())
print(json.dumps(sorted(set(seen) - {"127.0.0.1", "None", ""})))
"""

ENDPOINTS = {
    "sqlite": '{"kind": "sqlite", "path": "%s"}',
    "pgvector": '{"kind": "pgvector", "host": "127.0.0.1", "port": 1, "database": "x", "credentials_dir": "%s"}',
    "qdrant": '{"kind": "qdrant", "url": "http://127.0.0.1:1", "api_key_file": "%s/key"}',
    "milvus": '{"kind": "milvus", "url": "http://127.0.0.1:1", "token_file": "%s/key"}',
    "pinecone": '{"kind": "pinecone", "url": "http://127.0.0.1:1", "api_key_file": "%s/key"}',
    "s3_vectors": '{"kind": "s3_vectors", "bucket": "acme", "region": "us-east-1", "url": "http://127.0.0.1:1"}',
    "opensearch": '{"kind": "opensearch", "url": "http://127.0.0.1:1"}',
}


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_only_the_engine_is_connected_to(tmp_path, kind):
    for name in ("username", "password", "key"):
        (tmp_path / name).write_text("canary")
    told = ENDPOINTS[kind]
    told = told % tmp_path if "%s" in told else told
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    done = subprocess.run(
        [sys.executable, "-c", SPY, told],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **keys},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Traceback" not in done.stderr
