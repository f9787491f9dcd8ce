"""What is loaded for an engine, and what is said when it cannot be."""

import subprocess
import sys

import pytest
from support.vector_engines import configured

from plinth_runtime.errors import StartupError
from plinth_runtime.vectors.config import Collection

DOCS = {"docs": Collection(name="docs", dimensions=4)}


def test_a_client_that_is_not_installed_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    monkeypatch.delitem(sys.modules, "plinth_runtime.vectors.qdrant", raising=False)
    with pytest.raises(StartupError, match=r"qdrant_client is not installed.*plinth-runtime\[qdrant\]"):
        configured({"kind": "qdrant", "url": "http://127.0.0.1:1"}).open(DOCS)


def test_an_engine_loads_its_own_client_and_no_other():
    code = (
        "import sys; from plinth_runtime.vectors.config import NumpyEndpoint; "
        "from plinth_runtime.vectors.opening import open_engine; open_engine(NumpyEndpoint(kind='numpy', path='/x')); "
        "others = ('asyncpg', 'qdrant_client', 'pymilvus', 'pinecone', 'boto3', 'opensearchpy'); "
        "print([name for name in others if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
