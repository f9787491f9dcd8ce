"""The embedded engine: both ways of searching, on one file."""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from support.vector_engines import configured

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.embedded import exact
from plinth_runtime.vectors.embedded.file import load_extension
from plinth_runtime.vectors.records import Record

PROBE = "import sqlite3, sqlite_vec as v; c = sqlite3.connect(''); c.enable_load_extension(True); v.load(c)"
DOCS = {"docs": Collection(name="docs", dimensions=8, fields=[{"name": "n", "type": "integer"}])}


def environ():
    """What this process can import, another interpreter of the same version can, too."""
    own = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    shared = [path for path in sys.path if path and ("site-packages" in path or not path.startswith(own))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in shared if not path.endswith(".zip"))}


def loads_extensions(python):
    return not subprocess.run([python, "-c", PROBE], env=environ(), capture_output=True, check=False).returncode


def test_what_can_be_loaded_is_found_out():
    with sqlite3.connect(":memory:") as connection:
        assert load_extension(connection) == loads_extensions(sys.executable)


def test_the_contract_holds_with_the_extension():
    """Run again under a Python that loads extensions of SQLite, where this one does not and there is one."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [path for folder in ("/usr/bin", "/usr/local/bin") if (path := shutil.which(name, path=folder))]
    capable = [python for python in found if loads_extensions(python)]
    if loads_extensions(sys.executable) or not capable:
        return
    contract = str(Path(__file__).with_name("test_vector_contract.py"))
    command = [capable[0], "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "sqlite", contract]
    done = subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    used = subprocess.run([capable[0], "-c", SEARCH], env=environ(), capture_output=True, text=True, check=True)
    assert used.stdout.strip() == "sqlite-vec"


SEARCH = """
import tempfile
from pathlib import Path
from plinth_runtime.vectors.embedded.file import TenantFile
with tempfile.TemporaryDirectory() as folder:
    print(TenantFile(Path(folder, "a.sqlite"), wait_seconds=1, extensions=True).search)
"""


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
def test_what_does_not_fit_into_memory_is_read_in_parts(tmp_path, monkeypatch, distance):
    seed = random.Random(3)
    docs = {"docs": DOCS["docs"].model_copy(update={"distance": distance})}
    records = [Record(str(n), [seed.gauss(0, 1) for _ in range(8)], "", {"n": n}) for n in range(300)]

    async def go():
        stores = configured({"kind": "numpy", "path": str(tmp_path)}).open(docs)
        view = stores.for_tenant("search")
        await view.create_collection("docs")
        await view.upsert("docs", records)
        whole = await view.search("docs", records[0].vector, limit=20)
        monkeypatch.setattr(exact, "LARGEST_BYTES", 100)
        monkeypatch.setattr(exact, "CHUNK", 64)
        parts = await view.search("docs", records[0].vector, limit=20)
        assert [hit.id for hit in parts] == [hit.id for hit in whole]
        assert [hit.score for hit in parts] == pytest.approx([hit.score for hit in whole], abs=1e-5)
        await stores.close()

    asyncio.run(go())


def test_memory_follows_what_others_write_and_delete(tmp_path):
    """Two openings of one file, as two processes would have it; each search is compared with the truth."""
    seed = random.Random(5)
    truth = {}

    async def go():
        one, two = (configured({"kind": "numpy", "path": str(tmp_path)}).open(DOCS) for _ in range(2))
        views = [stores.for_tenant("search") for stores in (one, two)]
        await views[0].create_collection("docs")
        for step in range(40):
            writer, reader = seed.sample(views, 2)
            batch = [
                Record(str(seed.randrange(60)), [seed.gauss(0, 1) for _ in range(8)], "", {"n": step}) for _ in range(5)
            ]
            await writer.upsert("docs", batch)
            truth.update({record.id: record.vector for record in batch})
            gone = [str(seed.randrange(60)) for _ in range(2)]
            await writer.delete("docs", gone)
            for key in gone:
                truth.pop(key, None)
            asked = np.array([seed.gauss(0, 1) for _ in range(8)])
            best = sorted(truth, key=lambda key: -(np.dot(truth[key], asked) / np.linalg.norm(truth[key])))[:5]
            assert [hit.id for hit in await reader.search("docs", list(asked), limit=5)] == best
        await one.close()
        await two.close()

    asyncio.run(go())


def _opened(folder):
    """Databases below a folder that this process has open, each once."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.add(str(link.readlink()))
    return {name for name in names if name.startswith(str(folder)) and name.endswith(".sqlite")}


def test_many_tenants_do_not_keep_many_files_open(tmp_path):
    from plinth_runtime.vectors.embedded.engine import MOST_OPEN

    async def go():
        stores = configured({"kind": "numpy", "path": str(tmp_path)}).open(DOCS)
        for number in range(MOST_OPEN + 10):
            view = stores.for_tenant(f"tenant{number}")
            await view.create_collection("docs")
        assert len(_opened(tmp_path)) <= MOST_OPEN
        assert await stores.for_tenant("tenant0").count("docs") == 0
        await stores.close()

    asyncio.run(go())


def test_files_are_their_owners_alone(tmp_path):
    async def go():
        stores = configured({"kind": "numpy", "path": str(tmp_path / "vectors")}).open(DOCS)
        await stores.for_tenant("search").create_collection("docs")
        await stores.close()

    asyncio.run(go())
    assert (tmp_path / "vectors").stat().st_mode & 0o077 == 0
    assert (tmp_path / "vectors" / "search.sqlite").stat().st_mode & 0o077 == 0
