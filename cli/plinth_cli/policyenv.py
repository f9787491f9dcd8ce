"""The policy pack's own Python environment, and the executable through which the engine starts the pack.

pulumi-policy pins another major version of protobuf than the rest of Plinth, so the pack never shares an
environment with it. The engine looks for `pulumi-analyzer-policy-python` on PATH.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from plinth_cli import paths
from plinth_cli.console import Console
from plinth_cli.errors import PlinthError
from plinth_cli.pyenv import is_current, make_environment

ANALYZER = "pulumi-analyzer-policy-python"


@dataclass(frozen=True)
class PolicyEnv:
    """A policy pack that is ready to run.

    Attributes:
        pack: The folder with PulumiPolicy.yaml.
        bin_dir: The folder to put on PATH; it holds the analyzer and nothing else.
    """

    pack: Path
    bin_dir: Path


def ensure_policy_env(console: Console) -> PolicyEnv:
    """Make the environment if its lock changed, the clone moved, or it is not there yet.

    Raises:
        PlinthError: It could not be made, or the analyzer cannot be written.
    """
    root = paths.checkout_root()
    pack = root / "policies"
    venv, lock = pack / ".venv", pack / "requirements.lock"
    if not is_current(venv, lock):
        with console.task("Policy pack: making its Python environment") as task:
            make_environment(venv, lock, task.update)
    return PolicyEnv(pack, write_analyzer(root / ".plinth" / "bin", venv / "bin" / "python"))


def policy_env_ready() -> bool:
    """Whether `ensure_policy_env` would have nothing to do."""
    pack = paths.checkout_root() / "policies"
    return is_current(pack / ".venv", pack / "requirements.lock")


def write_analyzer(folder: Path, python: Path) -> Path:
    """Write the analyzer into a folder, unless it is there already; return the folder.

    Raises:
        PlinthError: The folder cannot be written.
    """
    # Only address and folder: the engine adds `-virtualenv=.venv`, which pulumi.policy would read as `-v`.
    script = f'#!/bin/sh\nexec {shlex.quote(str(python))} -u -m pulumi.policy "$1" "$2"\n'
    target = folder / ANALYZER
    try:
        if target.is_file() and target.read_text() == script:
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed: another plinth may be about to execute it.
        fresh = folder / f".{ANALYZER}.new"
        fresh.write_text(script)
        fresh.chmod(0o755)
        fresh.replace(target)
    except OSError as error:
        raise PlinthError(
            f"The policy pack's launcher cannot be written: {error.strerror or error}.",
            where=str(target),
            fix="Make the clone's .plinth folder writable.",
        ) from None
    return folder
