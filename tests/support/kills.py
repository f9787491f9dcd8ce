"""Kills an ingesting process at random points and counts what is in the table afterwards."""

import asyncio
import multiprocessing
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import ingest_worker

from plinth_runtime.warehouse.client import Warehouse
from plinth_runtime.warehouse.config import EmbeddedWarehouse
from plinth_runtime.warehouse.request import Context

CONTEXT = Context("platform", "durability", "durability", workload="ingest")


@dataclass(frozen=True)
class Outcome:
    """What was found."""

    kills: int
    kills_while_writing: int
    """Kills before which rows had been written, and not all."""
    lost: int
    """Rows of acknowledged offsets that were not there after a kill."""
    doubled: int
    missing: int
    """Rows that are not there after the last, undisturbed run."""
    not_quarantined: int


def kill_often(port: int, kills: int, folder: Path, *, rows: int, seed: int = 0, longest: float = 2.0) -> Outcome:
    """Start and kill until there were enough kills, checking after each; then let it finish."""
    dice, progress = random.Random(seed), folder / "progress"
    endpoint = EmbeddedWarehouse.model_validate(
        {"kind": "embedded", "port": port, "database": "ANALYTICS", "cache": None}
    )
    asyncio.run(_run(endpoint, "CREATE TABLE IF NOT EXISTS EVENTS (ID INT, BODY TEXT)"))
    # A server that has imported everything forks the processes, so that they write at once.
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([ingest_worker.__name__])
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    told = (port, rows, "numbers", str(progress))
    lost = writing = before = 0
    for _ in range(kills):
        process = made.Process(target=ingest_worker.start, args=told)
        process.start()
        _until_it_writes(process, progress)
        # The point is random within the writing, not within the start of Python.
        time.sleep(dice.random() ** 2 * longest)
        process.kill()
        process.join()
        found = set(asyncio.run(_ids(endpoint)))
        lost += sum(1 for offset in range(1, max(_lines(progress, "a"), default=0) + 1) if _kept(offset) - found)
        writing += before < len(found) < rows - rows // 10
        before = len(found)
    last = made.Process(target=ingest_worker.start, args=told)
    last.start()
    last.join(900)
    assert last.exitcode == 0, "the last run, which nobody disturbed, failed"
    ids = asyncio.run(_ids(endpoint))
    expected = set().union(*map(_kept, range(1, rows + 1)))
    aside = set(range(10, rows + 1, 10)) - set(_lines(progress, "q"))
    return Outcome(kills, writing, lost, len(ids) - len(set(ids)), len(expected - set(ids)), len(aside))


def _kept(offset: int) -> set[int]:
    return {offset} if offset % 10 else set()


def _until_it_writes(process: Any, progress: Path) -> None:
    seen, end = len(_lines(progress, "a")), time.monotonic() + 60
    while len(_lines(progress, "a")) == seen and process.is_alive() and time.monotonic() < end:
        time.sleep(0.005)


def _lines(file: Path, kind: str) -> list[int]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [int(line[1:]) for line in lines if line.startswith(kind) and len(line) > 1]


async def _ids(endpoint: EmbeddedWarehouse) -> list[int]:
    async with Warehouse(endpoint) as warehouse:
        return [int(value) for value in (await warehouse.fetch("SELECT ID FROM EVENTS", [], CONTEXT))["ID"].to_pylist()]


async def _run(endpoint: EmbeddedWarehouse, sql: str) -> None:
    async with Warehouse(endpoint) as warehouse:
        await warehouse.execute(sql, [], CONTEXT)
