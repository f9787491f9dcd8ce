"""Commits as folders: exported from git, each once."""

import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plinth_cli.errors import PlinthError

WORKING_TREE = "the working tree"

_NO_CHANGE = ("docs/", "tests/", "benchmarks/", ".github/", ".ci/")
"""Folders that nothing is deployed from."""


@dataclass(frozen=True)
class Revision:
    """A state of the files.

    Attributes:
        name: How the person named it.
        commit: Its commit's full id; "" for the working tree.
    """

    name: str
    commit: str

    @property
    def short(self) -> str:
        """As a person reads it."""
        return self.commit[:12] or WORKING_TREE


class Git:
    """The git repository that a folder is in."""

    def __init__(self, root: Path) -> None:
        """Find it.

        Raises:
            PlinthError: There is no git, or the folder is in no repository, or not its root.
        """
        self._root = root
        top = Path(self._say("rev-parse", "--show-toplevel").strip())
        if top.resolve() != root.resolve():
            raise PlinthError("The platform is not the root of its git repository.", str(root), f"It is in {top}.")

    def revision(self, name: str | None) -> Revision:
        """Find a commit by any name that git knows; None is the working tree.

        Raises:
            PlinthError: git knows no such commit.
        """
        if name is None:
            return Revision(WORKING_TREE, "")
        try:
            commit = self._say("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
        except PlinthError:
            raise PlinthError(
                f"git knows no commit {name!r}.",
                str(self._root),
                "Name a commit, a branch or a tag; in CI, fetch it first (fetch-depth: 0).",
            ) from None
        return Revision(name, commit)

    def merge_base(self, base: Revision, head: Revision) -> Revision:
        """The commit at which the other one left the base: what is new in the base is not the other's doing.

        Raises:
            PlinthError: They have nothing in common.
        """
        commit = self._say("merge-base", base.commit, head.commit or "HEAD").strip()
        return Revision(base.name, commit)

    def changed(self, base: Revision, head: Revision) -> list[str]:
        """Paths that differ between a commit and another one, or the working tree."""
        if head.commit:
            return self._paths("diff", "--name-only", "-z", base.commit, head.commit)
        return sorted(
            {
                *self._paths("diff", "--name-only", "-z", base.commit),
                *self._paths("ls-files", "--others", "--exclude-standard", "-z"),
            }
        )

    def export(self, revision: Revision, folder: Path) -> None:
        """Write its files into a folder that does not exist yet.

        Raises:
            PlinthError: git or the disk refuses.
        """
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            if revision.commit:
                self._archive(revision.commit, partial)
            else:
                for path in self._paths("ls-files", "--cached", "--others", "--exclude-standard", "-z"):
                    self._copy(path, partial)
            partial.rename(folder)
        except OSError as error:
            raise PlinthError(f"{revision.short} could not be exported: {error.strerror}.", str(folder)) from error

    def _archive(self, commit: str, folder: Path) -> None:
        command = ["git", "-C", str(self._root), "archive", "--format=tar", commit]
        try:
            with (
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
                tarfile.open(fileobj=process.stdout, mode="r|") as tar,
            ):
                tar.extractall(folder, filter="data")
        except tarfile.TarError as error:
            what = f"{commit[:12]} could not be exported: {error}."
            raise PlinthError(what, str(self._root), "Links of a commit must stay inside of it.") from error
        if process.returncode:
            raise PlinthError(f"git could not export {commit[:12]}.", str(self._root))

    def _copy(self, path: str, folder: Path) -> None:
        source, target = self._root / path, folder / path
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)

    def _paths(self, *arguments: str) -> list[str]:
        return [path for path in self._say(*arguments).split("\0") if path]

    def _say(self, *arguments: str) -> str:
        try:
            ran = subprocess.run(
                ["git", "-C", str(self._root), *arguments], capture_output=True, text=True, check=False, timeout=120
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlinthError(
                "git could not be run.", str(self._root), "Install git; `plinth diff` needs it."
            ) from error
        if ran.returncode:
            words = ran.stderr.strip().removeprefix("fatal: ") or f"git {arguments[0]} found nothing"
            raise PlinthError(f"{words}.", str(self._root))
        return ran.stdout


def affected(changed: Iterable[str], environments: Iterable[str]) -> list[str]:
    """Return the environments that a change of these files can touch, in their order.

    A change of an environment's own file touches that one; documentation and tests touch none; anything else all.
    """
    known = [*environments]
    touched: set[str] = set()
    for path in changed:
        name = path.removeprefix("Pulumi.").removesuffix(".yaml")
        if path == f"Pulumi.{name}.yaml" and name in known:
            touched.add(name)
        elif not (path.startswith(_NO_CHANGE) or path.endswith(".md")):
            return known
    return [name for name in known if name in touched]
