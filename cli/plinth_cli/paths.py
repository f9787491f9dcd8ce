"""Where things are on disk: the checkout, the per-environment folders and the machine's cache."""

import os
from dataclasses import dataclass
from pathlib import Path

from plinth_cli.errors import PlinthError

PROJECT_FILE = "Pulumi.yaml"
CHECKOUT_MARKER = Path("tools", "pulumi", "go.mod")


def repo_root(start: Path | None = None) -> Path:
    """Return the nearest folder, from `start` (default: the working directory) upwards, with a Pulumi.yaml.

    Raises:
        PlinthError: There is none.
    """
    origin = (start or Path.cwd()).resolve()
    for folder in (origin, *origin.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise PlinthError(
        f"No {PROJECT_FILE} here or in any folder above.",
        where=str(origin),
        fix="Change into your clone of Plinth (or into a folder under stacks/) and try again.",
    )


def checkout_root(start: Path | None = None) -> Path:
    """Return the clone of Plinth: the nearest folder upwards with tools/pulumi, else the one this CLI runs from.

    It differs from `repo_root` inside a team stack, which has a Pulumi.yaml of its own.

    Raises:
        PlinthError: Neither is a clone of Plinth.
    """
    origin = (start or Path.cwd()).resolve()
    own = Path(__file__).resolve().parents[2]
    for folder in (origin, *origin.parents, own):
        if (folder / CHECKOUT_MARKER).is_file():
            return folder
    raise PlinthError(
        "This is not inside a clone of Plinth, and the plinth command was not installed from one.",
        where=str(origin),
        fix="Change into your clone of Plinth, run `make venv` there and use its .venv/bin/plinth.",
    )


def cache_dir() -> Path:
    """Return the machine-wide cache: $PLINTH_CACHE, else $XDG_CACHE_HOME/plinth, else ~/.cache/plinth.

    The folder is not created. An unusable $XDG_CACHE_HOME (relative) is ignored, as the XDG Base Directory
    specification asks.
    """
    override = os.environ.get("PLINTH_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(xdg) if xdg.startswith("/") else Path.home() / ".cache"
    return base / "plinth"


@dataclass(frozen=True)
class EnvDirs:
    """The folders of one environment, under `.plinth/<env>/` next to Pulumi.yaml.

    Attributes:
        root: The folder that holds Pulumi.yaml.
        env: The environment's name, or `<project>.<env>` for a team stack.
    """

    root: Path
    env: str

    @property
    def base(self) -> Path:
        """Everything below."""
        return self.root / ".plinth" / self.env

    @property
    def project(self) -> Path:
        """Scratch Pulumi project of rehearsals, so that the user's own files stay clean."""
        return self.base / "project"

    @property
    def state(self) -> Path:
        """Pulumi file backend of the rehearsal."""
        return self.base / "state"

    @property
    def passphrase(self) -> Path:
        """File (0600) with the random passphrase of the rehearsal's secrets."""
        return self.base / "passphrase"

    @property
    def manifests(self) -> Path:
        """Rendered Kubernetes objects, one YAML file each."""
        return self.base / "manifests"

    @property
    def cloud(self) -> Path:
        """The stand-in cloud: encrypted journal and ledger."""
        return self.base / "cloud"

    @property
    def run(self) -> Path:
        """The laptop: supervisor state, logs and mounts."""
        return self.base / "run"

    @property
    def logs(self) -> Path:
        """One log file per workload of the laptop."""
        return self.run / "logs"

    def create(self) -> "EnvDirs":
        """Make the folders (0700, because they hold a passphrase and state) and return self."""
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.project, self.state, self.manifests, self.cloud, self.run, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self
