"""Atomic, exclusive installation into the machine's cache."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plinth_cli.console import Console
from plinth_cli.errors import PlinthError

STAGING = ".new-"


@contextmanager
def exclusive(folder: Path, console: Console, what: str) -> Generator[None]:
    """Hold the lock of a cache folder; says so when another process holds it, and waits.

    Raises:
        PlinthError: The cache cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PlinthError(
            f"The cache cannot be written: {error.strerror or error}.",
            where=str(folder),
            fix="Make the folder writable, or choose another one with PLINTH_CACHE=/some/folder.",
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with console.task(f"Another plinth is getting {what}; waiting for it"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in folder.glob(f"{STAGING}*"):
            # Of a process that was killed: the lock is ours, so nobody writes it any more.
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def staged(target: Path) -> Generator[Path]:
    """Yield an empty folder that becomes `target` by one rename if the block succeeds, and vanishes if not."""
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    staging.chmod(0o755)
    try:
        yield staging
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def executable_in(folder: Path, name: str) -> Path | None:
    """Return the executable `name` in a folder, or None."""
    candidate = folder / name
    return candidate if candidate.is_file() and os.access(candidate, os.X_OK) else None
