"""`plinth-runtime drill`: restores the newest backup into a scratch folder, and says whether that would have done.

Everything is read back and compared with what the backup says of itself; the live stores are not touched. What a drill
measures is what a loss would cost: the age of the backup (what would be missing) and the time to restore it.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from plinth_runtime.errors import StartupError
from plinth_runtime.files import resolve
from plinth_runtime.governance.backup import (
    Manifest,
    SavedDatabase,
    SavedFolder,
    counted,
    databases,
    folders,
    newest,
    sha256,
)
from plinth_runtime.governance.config import GovernanceConfig
from plinth_runtime.governance.ingest import load

MISSED = 3
"""Exit status: something could not be restored, is not what was saved, is not backed up, or an objective was missed."""


def run(config_path: str, source: str, report: str, *, rpo_minutes: float, rto_minutes: float) -> int:
    """Drill, and write a report (JSON); return the exit status.

    Raises:
        StartupError: there is no backup, or the report cannot be written.
    """
    config = load(config_path)
    folder, manifest = newest(resolve(source))
    began, started = datetime.now(UTC), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="plinth-drill-"))
    try:
        troubles = [*_restore(folder, manifest, scratch), *_missing(config, manifest)]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    seconds, age = time.monotonic() - started, (began - manifest.taken).total_seconds()
    if age > rpo_minutes * 60:
        troubles.append(f"the newest backup is {age / 60:.1f} minutes old, and {rpo_minutes:g} may be lost")
    if seconds > rto_minutes * 60:
        troubles.append(f"restoring took {seconds / 60:.1f} minutes, and {rto_minutes:g} are allowed")
    document = {
        "drilled": began.isoformat(timespec="seconds"),
        "backup": folder.name,
        "taken": manifest.taken.isoformat(timespec="seconds"),
        "backup_age_seconds": round(age, 3),
        "restore_seconds": round(seconds, 3),
        "rows": {saved.store: saved.tables for saved in manifest.databases},
        "files": {saved.store: len(saved.files) for saved in manifest.folders},
        "troubles": troubles,
    }
    _write(resolve(report), json.dumps(document, indent=2) + "\n")
    for trouble in troubles:
        print(f"drill: {trouble}", file=sys.stderr)  # noqa: T201 - for the person who started it
    if troubles:
        return MISSED
    print(f"{report}: restored in {seconds:.1f} s a backup that is {age / 60:.1f} minutes old")  # noqa: T201 - the answer
    return 0


def _restore(folder: Path, manifest: Manifest, scratch: Path) -> Iterator[str]:
    for database in manifest.databases:
        yield from _database(database, folder, scratch)
    for saved in manifest.folders:
        yield from _folder(saved, folder, scratch)


def _database(saved: SavedDatabase, folder: Path, scratch: Path) -> Iterator[str]:
    restored = scratch / saved.file
    try:
        shutil.copyfile(folder / saved.file, restored)
        if sha256(restored) != saved.sha256:
            yield f"store {saved.store}: the backup is not what was saved"
        elif (found := counted(restored)) != saved.tables:
            yield f"store {saved.store}: {found} rows came back, {saved.tables} were saved"
    except OSError as error:
        yield f"store {saved.store}: cannot be restored: {error.strerror or error}"
    except StartupError as error:
        yield f"store {saved.store}: {error}"


def _folder(saved: SavedFolder, folder: Path, scratch: Path) -> Iterator[str]:
    for name, digest in saved.files.items():
        restored = scratch / saved.folder / name
        try:
            restored.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / saved.folder / name, restored)
            if sha256(restored) != digest:
                yield f"store {saved.store}, file {name}: the backup is not what was saved"
        except OSError as error:
            yield f"store {saved.store}, file {name}: cannot be restored: {error.strerror or error}"


def _missing(config: GovernanceConfig, manifest: Manifest) -> Iterator[str]:
    """Embedded stores that came after the backup."""
    saved = {item.store for item in (*manifest.databases, *manifest.folders)}
    wanted = [*(store.name for store in databases(config)), *(name for name, _ in folders(config))]
    for name in wanted:
        if name not in saved:
            yield f"store {name} is not in the backup"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        try:
            unfinished.write_text(text)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
    except OSError as error:
        raise StartupError(f"cannot write the report {path}: {error.strerror or error}") from None
