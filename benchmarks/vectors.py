"""`python -m benchmarks.vectors`: the vector engines that run on one machine, side by side, through our own interface.

Data: 100,000 vectors of 384 dimensions around 1,000 centers (standard normal, spread 0.5), fixed seed; 200 queries from
the same. Truth: an exact search in 64-bit floats. Every engine is a process of its own with its server, if any, as a
child; memory is what the processes hold after the searches (PSS), less what they held before the import. PostgreSQL is
loaded as pgvector's documentation advises: first the rows, then the index, with 512 MB of `maintenance_work_mem`.
Milvus Lite (`--engines milvus`) is a stand-in for tests; its numbers say nothing about Milvus.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

DIMENSIONS, CENTERS, SPREAD, QUERIES, K = 384, 1000, 0.5, 200, 10
ENGINES = ("numpy", "sqlite", "pgvector")
STAND_INS = ("milvus", "qdrant")
GOAL = 0.99


def data(records: int) -> tuple[Any, Any]:
    """Vectors and queries as 32-bit floats."""
    import numpy as np

    seed = np.random.default_rng(20261121)
    centers = seed.standard_normal((CENTERS, DIMENSIONS), np.float32)

    def around(count: int) -> Any:
        chosen = centers[seed.integers(0, CENTERS, count)]
        return chosen + SPREAD * seed.standard_normal((count, DIMENSIONS), np.float32)

    return around(records), around(QUERIES)


def truth(vectors: Any, queries: Any) -> list[set[str]]:
    """Ids of the exact nearest by cosine."""
    import numpy as np

    wide, asked = vectors.astype(np.float64), queries.astype(np.float64)
    scores = (asked @ wide.T) / np.linalg.norm(wide, axis=1)
    return [{str(at) for at in np.argpartition(-row, K)[:K]} for row in scores]


@contextlib.contextmanager
def harness(engine: str, folder: Path) -> Iterator[Any]:
    """The engine, running."""
    from support.vector_engines import HARNESSES

    with HARNESSES[engine](folder) as running:
        yield running


@contextlib.asynccontextmanager
async def loading(engine: str, running: Any, view: Any) -> AsyncIterator[None]:
    """What is done around a first load."""
    if engine != "pgvector":
        yield
        return
    import asyncpg

    server = running.server
    options = {"host": "127.0.0.1", "port": server.port, "user": "plinth", "password": server.password}
    connection = await asyncpg.connect(**options, database="vectors", ssl="require")
    try:
        for row in await connection.fetch("SELECT indexname FROM pg_indexes WHERE indexname LIKE '%hnsw%'"):
            await connection.execute(f'DROP INDEX "{row[0]}"')
        await connection.execute("ALTER ROLE plinth SET maintenance_work_mem = '512MB'")
        yield
        await view.create_collection("docs")
        await connection.execute("VACUUM ANALYZE docs")
    finally:
        await connection.close()


async def measured(engine: str, running: Any, opened: Any, vectors: Any, queries: Any) -> dict[str, Any]:
    """Import, then search one after the other."""
    from benchmarks.measure import tree_memory_mib
    from plinth_runtime.vectors.records import Record

    async def source() -> AsyncIterator[Record]:
        for at, vector in enumerate(vectors):
            yield Record(str(at), vector)

    expected = truth(vectors, queries)
    view = opened.for_tenant("bench")
    await view.create_collection("docs")
    before, started = tree_memory_mib(os.getpid()), time.monotonic()
    async with loading(engine, running, view):
        async for _ in view.import_records("docs", source(), batch=1000):
            pass
    built = time.monotonic() - started
    for query in queries[:5]:
        await view.search("docs", query, limit=K)
    times, found = list[float](), 0
    for query, nearest in zip(queries, expected, strict=True):
        at = time.perf_counter()
        hits = await view.search("docs", query, limit=K)
        times.append((time.perf_counter() - at) * 1000)
        found += len(nearest & {hit.id for hit in hits})
    cuts = statistics.quantiles(times, n=100)
    return {
        "recall": found / (K * len(queries)),
        "p50": cuts[49],
        "p99": cuts[98],
        "build": built,
        "memory": tree_memory_mib(os.getpid()) - before,
    }


def one(engine: str, records: int) -> dict[str, Any]:
    """Measure one engine in this process."""
    from plinth_runtime.vectors.config import Collection

    collections = {"docs": Collection(name="docs", dimensions=DIMENSIONS)}
    vectors, queries = data(records)

    async def go(running: Any) -> dict[str, Any]:
        opened = running.open(collections)
        try:
            return await measured(engine, running, opened, vectors, queries)
        finally:
            await opened.close()

    with tempfile.TemporaryDirectory(prefix="plinth-vectors-") as folder, harness(engine, Path(folder)) as running:
        return asyncio.run(go(running))


def interpreter(engine: str) -> str:
    """A Python for the engine: sqlite-vec needs one that can load extensions of SQLite, and many cannot."""
    probe = "import sqlite3, sqlite_vec as v; c = sqlite3.connect(''); c.enable_load_extension(True); v.load(c)"
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    others = [found for folder in ("/usr/bin", "/usr/local/bin") if (found := shutil.which(name, path=folder))]
    for candidate in (sys.executable, *others) if engine == "sqlite" else ():
        if subprocess.run([candidate, "-c", probe], env=environ(), capture_output=True, check=False).returncode == 0:
            return candidate
    return sys.executable


def environ() -> dict[str, str]:
    """The environment of every engine: what this process can import, it can, too."""
    # Not the standard library, which another interpreter has of its own.
    own = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    shared = [path for path in sys.path if "site-packages" in path or not path.startswith(own)]
    shared = [path for path in shared if path and not path.endswith(".zip")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(shared), "PYTHONWARNINGS": "ignore"}


def main() -> None:
    """Measure each engine in a process of its own; one line for each, and the ratios to the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=(*ENGINES, *STAND_INS))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(one(chosen.only, chosen.records)))
        return
    load = os.getloadavg()[0]
    print(
        f"{chosen.records:,} vectors x {DIMENSIONS}, top {K}, cosine; load before: {load:.1f} on {os.cpu_count()} cores"
    )
    print("| engine | recall@10 | p50 ms | p99 ms | build s | memory MiB | p50 ratio | build ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    first: dict[str, Any] = {}
    for engine in chosen.engines:
        command = [interpreter(engine), "-m", "benchmarks.vectors", "--only", engine, "--records", str(chosen.records)]
        done = subprocess.run(command, cwd=ROOT, env=environ(), check=True, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        first = first or row
        mark = "" if row["recall"] >= GOAL else " (below the goal)"
        print(
            f"| {engine} | {row['recall']:.4f}{mark} | {row['p50']:.1f} | {row['p99']:.1f} | {row['build']:.0f} | "
            f"{row['memory']:.0f} | {row['p50'] / first['p50']:.2f} | {row['build'] / first['build']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
