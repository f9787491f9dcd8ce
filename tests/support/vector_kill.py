"""Kills a process that writes vectors, again and again, and looks whether what was acknowledged is still there."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import asyncpg
from support.postgres import USER

from plinth_runtime.vectors.config import Collection, VectorStores
from plinth_runtime.vectors.errors import VectorError
from plinth_runtime.vectors.opening import open_stores
from plinth_runtime.vectors.records import Record

DOCS = Collection(name="docs", dimensions=16, fields=[{"name": "version", "type": "integer"}])
TENANT = "writer"
BATCH = 20
START_SECONDS = 60
LONGEST_SECONDS = 0.25
"""How long a writer lives at most after its first acknowledged batch."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["support.vector_kill", "plinth_runtime.vectors.embedded.engine", "asyncpg"])


@dataclass
class Killed:
    """What the rounds found.

    Attributes:
        kills: Writers that were killed.
        acknowledged: Writes that were acknowledged, over all rounds.
        versions: Latest acknowledged version of each id.
    """

    kills: int = 0
    acknowledged: int = 0
    versions: dict[str, int] = field(default_factory=dict)


def stores(endpoint: dict[str, Any]) -> VectorStores:
    """The configuration of both the writer and the one who looks."""
    return VectorStores(stores={"main": endpoint}, collections=[DOCS])


def record(key: str, version: int) -> Record:
    """A record whose content, metadata and vector all say its version."""
    seed = random.Random(f"{key} {version}")
    vector = [seed.gauss(0, 1) for _ in range(DOCS.dimensions)]
    return Record(key, vector, f"word{key} version{version}", {"version": version})


def write(endpoint: dict[str, Any], out: Connection, seed: int) -> None:
    """Write batches until killed; tell of each that was acknowledged. Some ids are new, some are written again."""

    async def go() -> None:
        chosen = random.Random(seed)
        async with open_stores(stores(endpoint)) as opened:
            view = opened.for_tenant(TENANT)
            await view.create_collection(DOCS.name)
            for step in range(10_000):
                version = seed * 10_000 + step
                keys = [f"r{number}" for number in chosen.sample(range(600), BATCH)]
                await view.upsert(DOCS.name, [record(key, version) for key in keys])
                out.send((version, keys))

    # When the server is killed, the writer is told; it has nothing more to do.
    with contextlib.suppress(VectorError):
        asyncio.run(go())


def rounds(
    endpoint: dict[str, Any], kills: int, *, seed: int = 1, kill_server: Callable[[], None] | None = None
) -> Killed:
    """Start a writer, kill it, look; as often as asked.

    Args:
        endpoint: where to write.
        kills: how often.
        seed: of what is written, and of when the writer dies.
        kill_server: called in place of the kill, for engines whose server can be killed; then the writer is, too.

    Raises:
        AssertionError: an acknowledged write is lost, old, or there twice.
    """
    chosen, found = random.Random(seed), Killed()
    for number in range(kills):
        into, out = _context.Pipe(duplex=False)
        process = _context.Process(target=write, args=(endpoint, out, seed + number), daemon=True)
        process.start()
        out.close()
        _receive(into, found, first=True)
        _die(into, found, time.monotonic() + chosen.uniform(0, LONGEST_SECONDS))
        if kill_server:
            kill_server()
        process.kill()
        process.join(START_SECONDS)
        _drain(into, found)
        found.kills += 1
        asyncio.run(look(endpoint, found))
    return found


def _receive(into: Connection, found: Killed, *, first: bool = False) -> None:
    if first and not into.poll(START_SECONDS):
        raise AssertionError("the writer did not start")
    version, keys = into.recv()
    found.acknowledged += len(keys)
    found.versions.update(dict.fromkeys(keys, version))


def _die(into: Connection, found: Killed, when: float) -> None:
    while (left := when - time.monotonic()) > 0:
        if into.poll(left):
            _receive(into, found)


def _drain(into: Connection, found: Killed) -> None:
    """What was acknowledged before the kill, and is still in the pipe."""
    try:
        while into.poll(0):
            _receive(into, found)
    except (EOFError, OSError):
        return
    finally:
        into.close()


async def look(endpoint: dict[str, Any], found: Killed) -> None:
    """Compare what is there with what was acknowledged."""
    async with open_stores(stores(endpoint)) as opened:
        view = opened.for_tenant(TENANT)
        seen: list[Record] = []
        cursor = None
        while True:
            page = await view.page(DOCS.name, limit=1000, cursor=cursor)
            seen += page.records
            cursor = page.cursor
            if cursor is None:
                break
        by_id = {item.id: item for item in seen}
        assert len(by_id) == len(seen) == await view.count(DOCS.name), "a record is there twice"
        lost = [
            key
            for key, version in found.versions.items()
            if key not in by_id or by_id[key].metadata["version"] < version
        ]
        assert not lost, f"acknowledged and lost, or old: {sorted(lost)[:5]}"
        for item in random.Random(0).sample(seen, min(5, len(seen))):
            expected = record(item.id, item.metadata["version"])
            assert item.content == expected.content, "half of a record"
            hits = await view.hybrid_search(DOCS.name, expected.vector, f"word{item.id}", limit=3)
            assert hits[0].id == item.id, "the indexes do not agree with the records"
            words = await view.hybrid_search(DOCS.name, expected.vector, f"word{item.id}", dense_weight=0)
            assert [hit.id for hit in words] == [item.id], "the words of an old version are still found"
        # An acknowledged version may have been overtaken by one whose acknowledgment was lost.
        found.versions.update({key: item.metadata["version"] for key, item in by_id.items()})


def kill_backends(endpoint) -> None:
    """Kill the server's processes that serve the writer; PostgreSQL then recovers from its log as after a crash."""

    password = Path(endpoint["credentials_dir"], "password").read_text()

    async def go():
        async def connect():
            return await asyncpg.connect(
                host="127.0.0.1",
                port=endpoint["port"],
                user=USER,
                password=password,
                database=endpoint["database"],
                ssl="require",
            )

        watcher = await connect()
        rows = await watcher.fetch(
            "SELECT pid FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid()", USER
        )
        assert rows
        for row in rows:
            os.kill(row["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 60
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            while time.monotonic() < deadline:  # until the crash has reached this connection, too
                await watcher.execute("SELECT 1")
                await asyncio.sleep(0.02)
        watcher.terminate()
        while time.monotonic() < deadline:
            try:
                await (await connect()).close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.1)
            else:
                return
        raise AssertionError("PostgreSQL does not come back")

    asyncio.run(go())
