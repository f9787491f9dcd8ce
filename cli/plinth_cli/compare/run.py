"""Rehearses one commit and previews another on top of it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plinth_cli.compare.revisions import Git, Revision, affected
from plinth_cli.console import Console
from plinth_cli.engine.project import LOCAL, Project
from plinth_cli.engine.result import EXIT_POLICY, NEEDS, Result
from plinth_cli.errors import PlinthError
from plinth_cli.paths import PROJECT_FILE, cache_dir

KEPT = 3
"""Rehearsed commits that are kept, for the next comparison with them."""

_CODE = ("cli", "components", "runtime")
"""Folders of a commit that Python imports from."""


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        project: The platform's project.
        base: The commit that counts as what is there.
        head: The commit, or the working tree, that would change it.
        environments: Whom it is shown for.
    """

    project: Project
    base: Revision
    head: Revision
    environments: tuple[str, ...]


def plan(project: Project, ref: str, ref2: str | None, environments: Sequence[str]) -> Comparison:
    """Find the commits and the environments that are worth comparing.

    Args:
        project: The platform's project.
        ref: Name of the base; it counts as it was when the other one left it.
        ref2: Name of the other; None for the working tree.
        environments: Names of environments; none for those that the change can touch.

    Raises:
        PlinthError: git does not know a commit, or there is no such environment.
    """
    git = Git(project.root)
    head = git.revision(ref2)
    base = git.merge_base(git.revision(ref), head)
    for env in environments:
        project.stack_file(env)
    own = [name for name in project.environments() if name != LOCAL]
    chosen = [*environments] or affected(git.changed(base, head), own)
    return Comparison(project, base, head, tuple(chosen))


def compare(comparison: Comparison, console: Console) -> list[Result]:
    """Rehearse and preview; one result for each environment.

    Raises:
        PlinthError: A commit could not be exported or rehearsed.
    """
    folder = _folder(comparison.project)
    base = folder / comparison.base.commit
    head = folder / f"head-{os.getpid()}"
    git = Git(comparison.project.root)
    if not base.is_dir():
        git.export(comparison.base, base)
    _prune(folder, keep=base)
    try:
        git.export(comparison.head, head)
        return [_one(comparison, env, base, head, console) for env in comparison.environments]
    finally:
        shutil.rmtree(head, ignore_errors=True)


def _folder(project: Project) -> Path:
    """Where commits are exported to: not below the project, whose own Pulumi.yaml would count as their platform's.

    Raises:
        PlinthError: The machine's cache is in a Pulumi project.
    """
    cache = cache_dir()
    above = next((path for path in (cache, *cache.parents) if (path / PROJECT_FILE).is_file()), None)
    if above:
        raise PlinthError(
            "The cache lies in a Pulumi project, which commits exported there would belong to.",
            str(above),
            "Set PLINTH_CACHE to a folder elsewhere.",
        )
    folder = cache / "diff" / hashlib.sha256(str(project.root.resolve()).encode()).hexdigest()[:16]
    # What rehearsals leave behind is nobody else's business.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _one(comparison: Comparison, env: str, base: Path, head: Path, console: Console) -> Result:
    state = base / ".plinth" / env
    rehearsed = state / "rehearsed"
    existed = (base / f"Pulumi.{env}.yaml").is_file()
    if existed and not rehearsed.is_file():
        with console.task(f"Rehearsing {env} at {comparison.base.short}"):
            # A cut-off rehearsal of the same commit is no base.
            shutil.rmtree(state, ignore_errors=True)
            ran = _plinth(base, "up", env)
            if ran.get("exitCode") not in (0, EXIT_POLICY):
                raise _failed(ran, f"{env} at {comparison.base.short} could not be rehearsed")
            if ran.get("exitCode") == EXIT_POLICY:
                raise PlinthError(
                    f"{env} at {comparison.base.short} is against policy itself: nothing to compare with."
                )
            rehearsed.touch()
    if existed:
        shutil.copytree(state, head / ".plinth" / env, symlinks=True)
    with console.task(f"Previewing {env} with {comparison.head.short}"):
        ran = _plinth(head, "preview", env)
    if "changes" not in ran:
        raise _failed(ran, f"{env} with {comparison.head.short} could not be previewed")
    return Result.from_document(ran)


def _plinth(root: Path, operation: str, env: str) -> dict[str, Any]:
    """Run a commit's own `plinth OPERATION ENV --rehearse` in its folder; return the JSON that it printed."""
    _policies(root)
    paths = [str(root / name) for name in _CODE]
    ran = subprocess.run(
        [sys.executable, "-m", "plinth_cli", operation, env, "--rehearse", "--json"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), NEEDS: "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(ran.stdout)
    except ValueError:
        words = " ".join(ran.stderr.split()[-40:])
        return {"exitCode": ran.returncode or 1, "error": {"what": f"It said: {words}", "where": None, "fix": None}}


def _policies(root: Path) -> None:
    """Let a commit's policy pack use the environment that is there, where it asks for the same packages."""
    from plinth_cli.paths import checkout_root

    own = checkout_root() / "policies"
    theirs = root / "policies"
    locks = [folder / "requirements.lock" for folder in (own, theirs)]
    if not (own / ".venv").is_dir() or (theirs / ".venv").exists() or not all(lock.is_file() for lock in locks):
        return
    if locks[0].read_bytes() == locks[1].read_bytes():
        (theirs / ".venv").symlink_to((own / ".venv").resolve())


def _failed(ran: dict[str, Any], what: str) -> PlinthError:
    error: dict[str, str | None] = ran.get("error") or {}
    return PlinthError(f"{what}: {error.get('what') or 'no reason was given'}", error.get("where"), error.get("fix"))


def _prune(folder: Path, keep: Path) -> None:
    """Forget the commits that were not compared with for longest, and what was cut off."""
    kept = [path for path in folder.iterdir() if path.is_dir() and len(path.name) == 40]
    keep.touch()
    for path in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)
