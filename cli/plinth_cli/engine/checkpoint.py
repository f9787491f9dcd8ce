"""The state files of Pulumi's file backend: read them, and put back the newest whole one when one is torn.

Layout (pulumi/pkg/backend/diy): `.pulumi/stacks/<project>/<stack>.json` is the state, `.json.bak` the one before it,
`.pulumi/history/<project>/<stack>/*.checkpoint.json` one per finished update, `.pulumi/locks/...` one file per lock.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from plinth_cli.engine.lock import write_atomically
from plinth_cli.errors import PlinthError

KEPT_HISTORY = 20
"""How many finished updates to keep; each is a full copy of the state."""


@dataclass(frozen=True)
class Pending:
    """An operation that had begun and was never reported as done.

    Attributes:
        operation: creating, updating, deleting, reading or importing.
        urn: The resource.
    """

    operation: str
    urn: str


def holds_anything(backend: Path, stack: str) -> bool:
    """Whether any project's stack of this name has resources, in a file backend."""
    projects = (path.parent.name for path in (backend / ".pulumi" / "stacks").glob(f"*/{stack}.json"))
    return any(StackFiles(backend, project, stack).resources() for project in projects)


@dataclass(frozen=True)
class StackFiles:
    """Where one stack is, in a file backend.

    Attributes:
        backend: The backend's folder (the one that holds `.pulumi`).
        project: The project's name.
        stack: The stack's name.
    """

    backend: Path
    project: str
    stack: str

    @property
    def state(self) -> Path:
        """The current checkpoint."""
        return self.backend / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    @property
    def history(self) -> Path:
        """Checkpoints of finished updates."""
        return self.backend / ".pulumi" / "history" / self.project / self.stack

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.backend / ".pulumi" / "locks" / "organization" / self.project / self.stack

    def latest(self) -> dict[str, Any] | None:
        """Return the deployment of the current checkpoint, {} for a stack without resources, None without a stack.

        Raises:
            PlinthError: The file is damaged.
        """
        if not self.state.exists():
            return None
        content = _parse(self.state)
        if content is None:
            raise PlinthError("The state file is damaged.", str(self.state), "Run `plinth up` again: it restores it.")
        return _deployment(content)

    def salt(self) -> str | None:
        """Return the encryption salt that the state was written with, if any."""
        try:
            deployment = self.latest() or {}
        except PlinthError:
            return None
        return deployment.get("secrets_providers", {}).get("state", {}).get("salt")

    def pending(self) -> list[Pending]:
        """Return the operations that were cut off."""
        operations: list[dict[str, Any]] = (self.latest() or {}).get("pending_operations") or []
        return [Pending(item["type"], item["resource"]["urn"]) for item in operations]

    def resources(self) -> set[tuple[str, str]]:
        """Return (URN, id) of every resource in the state."""
        resources: list[dict[str, Any]] = (self.latest() or {}).get("resources") or []
        return {(item["urn"], item.get("id", "")) for item in resources}

    def restore_if_torn(self, damaged: Path) -> str | None:
        """Put the newest whole checkpoint in the place of a torn one; returns what was done, or None.

        The torn file is kept in the folder `damaged`. Stopping at any point leaves the state torn or restored.

        Raises:
            PlinthError: No whole checkpoint exists.
        """
        if not self.state.exists() or _parse(self.state) is not None:
            return None
        for candidate in self._candidates():
            content = _parse(candidate)
            if content is None:
                continue
            damaged.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy = damaged / f"{self.stack}.{int(time.time())}.json"
            copy.write_bytes(self.state.read_bytes())
            written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(candidate.stat().st_mtime))
            write_atomically(self.state, json.dumps(content))
            return f"The state file was torn. Restored the one written at {written}; the torn one is in {copy}."
        raise PlinthError(
            "The state file is damaged, and no whole copy of it is left.",
            str(self.state),
            f"Start this rehearsal afresh: remove {self.backend.parent}",
        )

    def sweep(self) -> None:
        """Remove what a kill left beside the stack's files: unfinished drafts, and attributes that are not whole.

        The backend (gocloud.dev/blob/fileblob) writes `.attrs` files in place. It does without one that is missing; of
        one that is torn it says "EOF", whatever it was asked for.
        """
        beside = [path for folder in (self.history, self.locks) for path in folder.glob("*")]
        beside += self.state.parent.glob(f"{self.state.name}*")
        beside.append(self.backend / ".pulumi" / "meta.yaml.attrs")
        for path in beside:
            torn = path.suffix == ".attrs" and path.exists() and not _is_json(path)
            if torn or path.suffix == ".tmp":
                path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Drop the oldest checkpoints of finished updates."""
        entries = sorted(self.history.glob("*.checkpoint.json"), key=lambda path: path.name, reverse=True)
        for old in entries[KEPT_HISTORY:]:
            stem = old.name.removesuffix(".checkpoint.json")
            for path in self.history.glob(f"{stem}.*"):
                path.unlink(missing_ok=True)

    def _candidates(self) -> Iterator[Path]:
        """Other copies of the state, newest first."""
        backup = self.state.with_name(f"{self.state.name}.bak")
        copies = [path for path in (backup, *self.history.glob("*.checkpoint.json")) if path.is_file()]
        yield from sorted(copies, key=os.path.getmtime, reverse=True)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _parse(path: Path) -> Mapping[str, Any] | None:
    """The checkpoint in a file, or None when the file does not hold a whole one."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or "checkpoint" not in content:
        return None
    return cast(Mapping[str, Any], content)


def _deployment(content: Mapping[str, Any]) -> dict[str, Any]:
    return content["checkpoint"].get("latest") or {}
