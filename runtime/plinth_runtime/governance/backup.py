"""Backups of the embedded stores: databases by SQLite's own online backup, folders file by file, each with its digest.

A set is a folder `<time>/` with a `manifest.json` that is written last: a set without one was interrupted, and does not
count. Data in AWS is backed up by AWS: Aurora by its snapshots and AWS Backup, S3 by versions and replication.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from plinth_runtime.errors import StartupError
from plinth_runtime.files import resolve
from plinth_runtime.governance.config import FolderPlace, GovernanceConfig, SqliteStore
from plinth_runtime.governance.databases import quote
from plinth_runtime.governance.ingest import load
from plinth_runtime.startup import parse

MANIFEST = "manifest.json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SavedDatabase(_Model):
    """A database in a set."""

    store: str
    file: str
    sha256: str
    tables: dict[str, int]
    """Rows of each table."""


class SavedFolder(_Model):
    """A folder in a set."""

    store: str
    folder: str
    files: dict[str, str]
    """SHA-256 of each file, by its name."""


class Manifest(_Model):
    """What a set has."""

    version: int = 1
    taken: datetime
    """When the backup began: what was written later is not in it."""
    databases: list[SavedDatabase]
    folders: list[SavedFolder]


def run(config_path: str, target: str) -> int:
    """Back up every embedded store into a new set below `target`; return the exit status.

    Raises:
        StartupError: a store cannot be read, or the set cannot be written; it does not count then.
    """
    config, taken = load(config_path), datetime.now(UTC)
    root = resolve(target)
    try:
        root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{taken:%Y%m%dT%H%M%S%fZ}-", dir=root))
        manifest = Manifest(
            taken=taken,
            databases=[_database(store, made) for store in databases(config)],
            folders=[_folder(name, path, made) for name, path in folders(config)],
        )
        (made / MANIFEST).write_text(manifest.model_dump_json(indent=2))
    except OSError as error:
        raise StartupError(f"cannot back up to {root}: {error.strerror or error}") from None
    print(f"{made}: {len(manifest.databases)} databases, {len(manifest.folders)} folders")  # noqa: T201 - the answer
    return 0


def newest(root: Path) -> tuple[Path, Manifest]:
    """The newest set that is whole.

    Raises:
        StartupError: there is none.
    """
    for folder in sorted((path for path in root.glob("*") if path.is_dir()), reverse=True):
        file = folder / MANIFEST
        if file.is_file():
            return folder, parse(Manifest, file.read_bytes(), file)
    raise StartupError(f"there is no backup below {root}: make one with `plinth-runtime backup`")


def databases(config: GovernanceConfig) -> list[SqliteStore]:
    """The embedded databases."""
    return [store for store in config.stores if isinstance(store, SqliteStore)]


def folders(config: GovernanceConfig) -> Iterator[tuple[str, Path]]:
    """The embedded folders, by the name of their store."""
    places = {item.name: item.place for item in config.objects} | {"work": config.work}
    if config.receipts:
        places["receipts"] = config.receipts.place
    for name, place in places.items():
        if isinstance(place, FolderPlace) and resolve(place.path).is_dir():
            yield name, resolve(place.path)


def counted(file: Path) -> dict[str, int]:
    """Rows of each table of a database, once SQLite finds nothing wrong with it.

    Raises:
        StartupError: it is damaged.
    """
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            said = database.execute("PRAGMA integrity_check").fetchall()
            if said != [("ok",)]:
                raise StartupError(f"{file} is damaged: {said[0][0]}")
            names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            tables = [str(row[0]) for row in database.execute(names)]
            count = "SELECT count(*) FROM {}"
            return {table: int(database.execute(count.format(quote(table))).fetchone()[0]) for table in tables}
    except sqlite3.Error as error:
        raise StartupError(f"{file} is damaged: {error}") from None


def sha256(file: Path) -> str:
    """Digest of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _database(store: SqliteStore, made: Path) -> SavedDatabase:
    source, copy = resolve(store.path), made / f"{store.name}.db"
    if not source.is_file():
        raise StartupError(f"store {store.name}: there is no database {source}")
    try:
        # SQLite's online backup: whole and consistent, while others go on writing.
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as saved:
            live.backup(saved)
    except sqlite3.Error as error:
        raise StartupError(f"store {store.name} cannot be backed up: {error}") from None
    return SavedDatabase(store=store.name, file=copy.name, sha256=sha256(copy), tables=counted(copy))


def _folder(name: str, source: Path, made: Path) -> SavedFolder:
    target = made / "folders" / name
    digests: dict[str, str] = {}
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.startswith(".unfinished-"):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            digests[path.relative_to(source).as_posix()] = sha256(copy)
    return SavedFolder(store=name, folder=f"folders/{name}", files=digests)
