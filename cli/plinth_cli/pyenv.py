"""Python environments made from lock files, through tools/bootstrap.py of the checkout."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from plinth_cli import paths
from plinth_cli.errors import PlinthError


def own_uv() -> Path | None:
    """Return the uv of the environment that this CLI runs in, else the one on PATH, else None."""
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return beside
    found = shutil.which("uv")
    return Path(found) if found else None


def is_current(venv: Path, lock: Path) -> bool:
    """Whether an environment is complete, from this lock, in this place; asks tools/bootstrap.py, in 0.1 s."""
    if not (venv / "bin" / "python").exists():
        return False
    return subprocess.run([*_command(venv, lock), "--check"], capture_output=True, check=False).returncode == 0


def _command(venv: Path, lock: Path) -> list[str]:
    script = paths.checkout_root(lock.parent) / "tools" / "bootstrap.py"
    return [sys.executable, str(script), str(venv), str(lock)]


def make_environment(venv: Path, lock: Path, say: Callable[[str], None]) -> bool:
    """Make `venv` exactly as `lock` says, unless it already is; `say` gets each line of progress.

    Returns whether anything had to be done.

    Raises:
        PlinthError: It could not be made; `where` holds the installer's words.
    """
    command = _command(venv, lock)
    uv = own_uv()
    if uv:
        command += ["--uv", str(uv)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip())
            say(line.strip())
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code != 0:
        raise PlinthError(
            f"The Python environment {venv.name} could not be made.",
            where="\n".join(said[-12:]),
            fix="Check that the package index that pip is configured for can be reached, then run it again.",
        )
    return bool(said)
