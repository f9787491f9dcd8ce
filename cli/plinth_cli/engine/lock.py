"""One plinth at a time per environment, and a note of what runs, so that the next one knows what was cut off."""

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs


@dataclass(frozen=True)
class Running:
    """A run that has begun; it stays on disk until the run ends well.

    Attributes:
        operation: The command, e.g. `up`.
        pid: The CLI's process.
        keeper: The process that leads the engine's session, 0 before it starts.
        since: When it began, in seconds since the epoch.
        keeper_since: When the keeper began.
        ended: Whether it came to its end and failed, rather than being cut off.
    """

    operation: str
    pid: int
    since: float
    keeper: int = 0
    keeper_since: float = 0.0
    ended: bool = False

    def describe(self) -> str:
        """Return e.g. ``plinth up (pid 12, since 14:03:22)``."""
        clock = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"`plinth {self.operation}` (pid {self.pid}, since {clock})"


class Marker:
    """The file that holds a `Running`."""

    def __init__(self, dirs: EnvDirs) -> None:
        self._path = dirs.base / "running.json"

    def read(self) -> Running | None:
        """Return the run that did not end well, if there is one."""
        return _parse(self._path)

    def write(self, running: Running) -> None:
        """Replace the file in one step."""
        write_atomically(self._path, json.dumps(asdict(running)))

    def clear(self) -> None:
        """Say that the run ended well."""
        self._path.unlink(missing_ok=True)


@contextmanager
def environment_lock(dirs: EnvDirs, operation: str) -> Generator[Running]:
    """Hold the environment. The lock is the kernel's, so it cannot outlive this process.

    Raises:
        PlinthError: Another plinth holds it; says which, and since when.
    """
    dirs.create()
    path = dirs.base / "lock"
    running = Running(operation, os.getpid(), time.time())
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _parse(path)
            who = holder.describe() if holder else "another plinth"
            stop = f", or stop it with: kill {holder.pid}" if holder else ""
            raise PlinthError(
                f"{who} is working on {dirs.env} right now.", str(dirs.base), f"Wait for it to end{stop}"
            ) from error
        file.truncate(0)
        file.write(json.dumps(asdict(running)))
        file.flush()
        try:
            yield running
        finally:
            file.truncate(0)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a kill, or a power cut, leaves either the old or the new content."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _parse(path: Path) -> Running | None:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        return Running(
            operation=str(data["operation"]),
            pid=int(data["pid"]),
            since=float(data["since"]),
            keeper=int(data["keeper"]),
            keeper_since=float(data["keeper_since"]),
            ended=bool(data["ended"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
