"""Rows into a table, through its contract: what keeps it is written, what breaks it goes into quarantine.

`plinth-runtime ingest` may be killed at any moment and run again with the same file: rows are written by their key, a
batch is quarantined under the digest of its bytes, and neither ends up twice.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.governance import evolution, lineage, tables
from plinth_runtime.governance.blobs import Blobs, blobs
from plinth_runtime.governance.config import Contract, GovernanceConfig
from plinth_runtime.governance.contracts import Checker
from plinth_runtime.governance.databases import Database, connect
from plinth_runtime.governance.quarantine import Quarantine
from plinth_runtime.startup import parse

BATCH_ROWS = 500
MAX_LINE_BYTES = 16 * 2**20
"""Longest row; a longer line is an error of the file, not of a row."""

CONTRACTS = "contracts/"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of rows."""

    written: int
    quarantined: int


def load(path: str) -> GovernanceConfig:
    """Read the configuration.

    Raises:
        StartupError: it cannot be read, or has mistakes, each of which is listed.
    """
    file = resolve(path)
    return parse(GovernanceConfig, read(file, "the configuration"), file)


def run(config_path: str, table: str, source: str) -> int:
    """Write the rows of a file (`-`: standard input), one JSON object a line; return the exit status.

    Raises:
        StartupError: nothing is lost: what was not written is still in the file.
    """
    config = load(config_path)
    contract = find(config, table)
    with _opened(source) as stream:
        counts = asyncio.run(_ingest(config, contract, _lines(stream, source), source))
    print(f"{table}: {counts.written} rows written, {counts.quarantined} in quarantine")  # noqa: T201 - the answer
    return 0


def replay(config_path: str, table: str | None) -> int:
    """Try quarantined rows again with today's contracts; return the exit status, 3 if some are still held.

    Raises:
        StartupError: nothing is lost: what was not written is still in quarantine.
    """
    config = load(config_path)
    wanted = [find(config, table)] if table else config.tables
    left = 0
    for contract in wanted:
        counts = asyncio.run(_replay(config, contract))
        left += counts.quarantined
        print(f"{contract.name}: {counts.written} rows written, {counts.quarantined} still in quarantine")  # noqa: T201
    return 3 if left else 0


def show(config_path: str, table: str | None) -> int:
    """Print what is in quarantine, a JSON object a row, without the rows' own contents; return the exit status."""
    config = load(config_path)
    for held in Quarantine(blobs(config.work)).batches(table):
        for row in held.rows:
            reasons = [{"column": reason.column, "rule": reason.rule} for reason in row.reasons]
            entry = {"table": held.table, "file": held.name, "source": held.source, "line": row.line}
            print(json.dumps({**entry, "bytes": len(row.original), "reasons": reasons}, ensure_ascii=False))  # noqa: T201 - the answer
    return 0


def find(config: GovernanceConfig, name: str) -> Contract:
    """The contract of a table.

    Raises:
        StartupError: there is none.
    """
    contract = config.table(name)
    if contract is None:
        known = ", ".join(table.name for table in config.tables) or "none at all"
        raise StartupError(f"table {name} has no contract; there are contracts of {known}")
    return contract


def accept(files: Blobs, contract: Contract) -> None:
    """Remember the contract, if it may follow the one before.

    Raises:
        StartupError: it may not; the message has every reason.
    """
    name = f"{CONTRACTS}{contract.name}.json"
    before = files.read(name)
    if before is not None:
        old = parse(Contract, before, Path(name))
        if refused := evolution.refusals(old, contract):
            raise StartupError(
                f"the contract of table {contract.name} cannot replace version {old.version}:\n"
                + "\n".join(f"  - {reason}" for reason in refused)
            )
        if old == contract:
            return
    files.write(name, contract.model_dump_json(indent=2).encode())


async def _ingest(config: GovernanceConfig, contract: Contract, lines: Iterator[bytes], source: str) -> Counts:
    files, checker = blobs(config.work), Checker(contract)
    accept(files, contract)
    emitter = lineage.Emitter(config.lineage, config.environment)
    told = emitter.run(
        f"ingest.{contract.name}", [lineage.Dataset("file", source)], [lineage.dataset(config, contract)]
    )
    database = await _connected(config, contract)
    told.start()
    try:
        counts = await _batches(database, checker, Quarantine(files), lines, source)
    except BaseException:
        told.fail()
        raise
    finally:
        await database.close()
    told.complete(counts.written)
    report(emitter)
    return counts


async def _batches(
    database: Database, checker: Checker, quarantine: Quarantine, lines: Iterator[bytes], source: str
) -> Counts:
    written = quarantined = first = 0
    while batch := list(itertools.islice(lines, BATCH_ROWS)):
        checked = checker.check(batch)
        # Held first: a crash in between leaves a row in quarantine, never nowhere.
        if checked.broken:
            quarantine.hold(checker.contract, f"{source} from line {first + 1}", checked.broken)
        await tables.upsert(database, checker.contract, checked.kept)
        written, quarantined = written + len(checked.kept), quarantined + len(checked.broken)
        first += len(batch)
    return Counts(written, quarantined)


async def _replay(config: GovernanceConfig, contract: Contract) -> Counts:
    files, checker = blobs(config.work), Checker(contract)
    accept(files, contract)
    quarantine, emitter = Quarantine(files), lineage.Emitter(config.lineage, config.environment)
    told = emitter.run(
        f"replay.{contract.name}",
        [lineage.Dataset("file", f"{files.place}/quarantine/{contract.name}")],
        [lineage.dataset(config, contract)],
    )
    database = await _connected(config, contract)
    told.start()
    written = left = 0
    try:
        for held in quarantine.batches(contract.name):
            checked = checker.check([row.original for row in held.rows])
            await tables.upsert(database, contract, checked.kept)
            quarantine.settle(held, checked.broken, contract.version)
            written, left = written + len(checked.kept), left + len(checked.broken)
    except BaseException:
        told.fail()
        raise
    finally:
        await database.close()
    told.complete(written)
    report(emitter)
    return Counts(written, left)


async def _connected(config: GovernanceConfig, contract: Contract) -> Database:
    return await connect(next(store for store in config.stores if store.name == contract.store))


def report(emitter: lineage.Emitter) -> None:
    """Say when lineage could not be sent; the work is done all the same."""
    if emitter.trouble:
        print(f"plinth-runtime: lineage could not be sent: {emitter.trouble}", file=sys.stderr)  # noqa: T201 - for the person who started it


def _opened(source: str) -> BinaryIO:
    if source == "-":
        return sys.stdin.buffer
    try:
        return resolve(source).open("rb")
    except OSError as error:
        raise StartupError(f"cannot read {source}: {error.strerror or error}") from None


def _lines(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """Lines that are not blank."""
    for number, line in enumerate(_bounded(stream), 1):
        if len(line) > MAX_LINE_BYTES:
            raise StartupError(
                f"{source}: line {number} is longer than {MAX_LINE_BYTES} bytes: is it one object a line?"
            )
        if line.strip():
            yield line


def _bounded(stream: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b"")
