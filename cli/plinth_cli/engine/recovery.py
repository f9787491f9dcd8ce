"""What to do before a rehearsal when the last one was cut off (killed, power cut, out of memory).

Everything here can itself be cut off at any point and started again: a step either replaces one file in one step, or
can be repeated.

Why nothing is created twice: the stand-in providers keep a ledger of what exists. What the ledger has and the state
has not was made by the update that was cut off. Such URNs are written down (`leftovers.json`) before the engine's own
record of pending operations is cleared, and given to the providers, which then hand out the existing resource instead
of making another.
"""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from plinth_cli.engine import keeper, processes
from plinth_cli.engine.checkpoint import Pending, StackFiles
from plinth_cli.engine.lock import Marker, Running, write_atomically
from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs

END_SECONDS = 10.0
"""How long a keeper whose CLI is gone may take to end its engine before we do it."""

Ledger = Mapping[str, str]
"""URN to id of the newest resource of that name in the stand-in cloud; no id when its creation was not finished."""


@dataclass
class Recovered:
    """What was found and done.

    Attributes:
        notes: Sentences for the person, in order; empty when nothing was wrong.
        adopt: URNs whose resource exists in the stand-in cloud although the state does not know it.
        clear: Pending operations that the state still lists and that have to be cleared.
    """

    notes: list[str] = field(default_factory=list[str])
    adopt: frozenset[str] = frozenset()
    clear: list[Pending] = field(default_factory=list[Pending])


def recover(files: StackFiles, dirs: EnvDirs, ledger: Ledger) -> Recovered:
    """Find out whether the last run was cut off, and repair what can be repaired without the engine.

    The caller holds the environment's lock. Clearing `clear` from the state is left to the caller, because it takes the
    engine (`pulumi stack import`).

    Raises:
        PlinthError: Somebody else's engine works on the state, or the state is lost.
    """
    found = Recovered()
    last = Marker(dirs).read()
    if last is not None:
        _end_engine(last, found)
    _remove_dead_locks(files.locks, found)
    files.sweep()
    restored = files.restore_if_torn(dirs.base / "damaged")
    if restored:
        found.notes.append(restored)
    found.clear = files.pending()
    known = files.resources()
    orphans = {urn for urn, identifier in ledger.items() if (urn, identifier) not in known and _of(urn, files)}
    leftovers = _Leftovers(dirs)
    if not (restored or (last and last.operation.startswith("up"))):
        # Without a cut-off update, what only the ledger knows was kept on purpose (retain_on_delete).
        orphans &= leftovers.read() | {item.urn for item in found.clear if item.operation == "creating"}
    found.adopt = frozenset(orphans)
    leftovers.write(found.adopt)
    _tell(found, last)
    return found


def read_ledger(dirs: EnvDirs) -> dict[str, str]:
    """Return what exists in the rehearsal's cloud."""
    from plinth_cli.rehearsal.ledger import Ledger as Table

    path = dirs.cloud / "ledger.sqlite"
    if not path.exists():
        return {}
    table = Table(path)
    try:
        return {entry.urn: entry.id or "" for entry in table.entries()}  # ordered by incarnation: the newest wins
    finally:
        table.close()


def _of(urn: str, files: StackFiles) -> bool:
    """Whether a URN belongs to this stack: a ledger may serve several."""
    return urn.startswith(f"urn:pulumi:{files.stack}::{files.project}::")


def _tell(found: Recovered, last: Running | None) -> None:
    """Put into words what the pending operations and leftovers mean."""
    creating = [item.urn for item in found.clear if item.operation in ("creating", "importing")]
    others = [item for item in found.clear if item.operation not in ("creating", "importing")]
    which = last.describe() if last else "The last update"
    if not (creating or others or found.adopt):
        if last and not last.ended:
            found.notes.insert(0, f"{which} was cut off; nothing was left half done.")
        return
    found.notes.insert(0, f"{which} was cut off. Picking up where it stopped:")
    adopted = sorted(found.adopt)
    never = sorted(set(creating) - found.adopt)
    if adopted:
        found.notes.append(
            f"{_count(adopted, 'creation')} had reached the rehearsal's cloud, adopted: {_names(adopted)}."
        )
    if never:
        found.notes.append(
            f"{_count(never, 'pending creation')} never happened, made again if needed: {_names(never)}."
        )
    for operation in sorted({item.operation for item in others}):
        urns = [item.urn for item in others if item.operation == operation]
        found.notes.append(f"{_count(urns, 'operation')} cut off while {operation}, repeated: {_names(urns)}.")


def _count(items: Iterable[str], noun: str) -> str:
    number = len(list(items))
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _names(urns: Iterable[str], limit: int = 6) -> str:
    """Short names of resources, at most `limit` of them."""
    names = [urn.rsplit("::", 1)[-1] for urn in urns]
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def _end_engine(last: Running, found: Recovered) -> None:
    """Wait for, then end, an engine that the CLI which was cut off had started."""
    if not last.keeper:
        return
    deadline = time.monotonic() + END_SECONDS
    ours = processes.same(last.keeper, last.keeper_since)
    while ours and time.monotonic() < deadline:
        time.sleep(0.1)
        ours = processes.same(last.keeper, last.keeper_since)
    if ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(last.keeper, signal.SIGKILL)
        found.notes.append(f"Ended the engine that {last.describe()} had left running.")
    if ours or not processes.alive(last.keeper):
        # A session keeps its leader's number reserved while it has members, so these are ours.
        keeper.kill_members(last.keeper)


def _remove_dead_locks(folder: Path, found: Recovered) -> None:
    """Remove locks of engines that are gone.

    Raises:
        PlinthError: The engine that holds a lock is alive, or runs on another machine.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            pid, host, stamp = int(content["pid"]), str(content["hostname"]), str(content["timestamp"])
            since = datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()
        except (OSError, ValueError, KeyError, TypeError):
            _unlink_lock(path)  # torn while it was written: whoever wrote it is gone, since we hold the environment
            found.notes.append("Removed a torn lock of the state.")
            continue
        if host != socket.gethostname():
            raise PlinthError(
                f"The state is locked by process {pid} on {host}, since {stamp[:19]} UTC.",
                str(path),
                f"If nothing runs there any more, remove the file: rm {path}",
            )
        if processes.same(pid, since):
            raise PlinthError(
                f"The state is locked by a running pulumi (pid {pid}, since {stamp[:19]} UTC).",
                str(path),
                f"Wait for it to end, or stop it with: kill {pid}",
            )
        _unlink_lock(path)
        found.notes.append(f"Removed the state's lock of process {pid}, which is gone.")


def _unlink_lock(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.attrs").unlink(missing_ok=True)


class _Leftovers:
    """URNs that an update which was cut off has made, until the state knows them."""

    def __init__(self, dirs: EnvDirs) -> None:
        self._path = dirs.base / "leftovers.json"

    def read(self) -> set[str]:
        try:
            return {str(urn) for urn in json.loads(self._path.read_text(encoding="utf-8"))}
        except (OSError, ValueError):
            return set()

    def write(self, urns: Iterable[str]) -> None:
        listed = sorted(urns)
        if listed:
            write_atomically(self._path, json.dumps(listed))
        else:
            self._path.unlink(missing_ok=True)
