"""Make a virtual environment exactly as a lock file says; standard library only, run by `make` and by the CLI.

    python3 tools/bootstrap.py .venv requirements/dev.lock --editable runtime --editable components

Nothing happens (in well under 0.1 s) when the environment already is what is asked for. Every package is checked
against the hashes in the lock. The installer is uv, itself installed from a hash-pinned lock; where uv cannot
reach the package index that pip is configured for, pip does the same work, slower.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
HEARTBEAT_SECONDS = 10.0
ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP_LOCK = ROOT / "requirements" / "bootstrap.lock"
STAMP = "plinth-stamp"

Say = Callable[[str], None]


class BootstrapError(Exception):
    """The environment could not be made; the text says what and what to do."""


@dataclass(frozen=True)
class Request:
    """What the environment has to be.

    Attributes:
        venv: The folder of the environment; made if absent.
        lock: Lock file with hashes.
        editables: Folders with a pyproject.toml, installed editable without their dependencies.
        uv: A uv executable to use instead of installing one, if there is one.
    """

    venv: Path
    lock: Path
    editables: tuple[Path, ...] = ()
    uv: Path | None = None

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    def digest(self) -> str:
        """Return a digest of everything that the environment depends on, its own place included."""
        digest = hashlib.sha256()
        digest.update(f"{sys.version_info[:2]}\n{self.venv.resolve()}\n".encode())
        for file in (BOOTSTRAP_LOCK, self.lock):
            digest.update(file.read_bytes())
        for folder in self.editables:
            digest.update(f"{folder.resolve()}\n".encode())
            digest.update((folder / "pyproject.toml").read_bytes())
        return digest.hexdigest()


def is_current(request: Request) -> bool:
    """Whether the environment was completed from exactly this request."""
    stamp = request.venv / STAMP
    return request.python.exists() and stamp.is_file() and stamp.read_text().strip() == request.digest()


def ensure(request: Request, say: Say) -> bool:
    """Make the environment unless it is current; return whether anything was done.

    Raises:
        BootstrapError: A step failed; its output is in the text.
    """
    if is_current(request):
        return False
    with _only_one(request.venv, say):
        if is_current(request):
            return False
        _make(request, say)
    return True


def _make(request: Request, say: Say) -> None:
    started = time.monotonic()
    say(f"Making {_short(request.venv)} from {_short(request.lock)} with Python {sys.version.split()[0]}")
    _make_venv(request)
    _install(request, say)
    (request.venv / STAMP).write_text(request.digest() + "\n")
    say(f"{_short(request.venv)} is ready ({time.monotonic() - started:.0f}s)")


@contextmanager
def _only_one(venv: Path, say: Say) -> Generator[None]:
    """Hold a lock on the folder around the environment (on the folder itself: no lock file is left behind)."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(venv.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  another process is making {_short(venv)}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_venv(request: Request) -> None:
    stamp = request.venv / STAMP
    stamp.unlink(missing_ok=True)
    if request.venv.exists() and not _usable(request.python):
        shutil.rmtree(request.venv)
    if request.venv.exists():
        return
    result = subprocess.run(
        [sys.executable, "-m", "venv", str(request.venv)], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        shutil.rmtree(request.venv, ignore_errors=True)
        raise BootstrapError(
            f"`{sys.executable} -m venv` failed:\n{_tail(result.stdout + result.stderr)}\n"
            "On Debian and Ubuntu: apt install python3-venv. Elsewhere install a complete Python 3.11 or newer."
        )


def _usable(python: Path) -> bool:
    """Whether the interpreter runs, has the version of this one, and believes that it lives where it is."""
    program = "import sys; print(sys.version_info[:2], sys.prefix)"
    try:
        result = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return False
    home = python.parent.parent
    if result.stdout.strip() != f"{sys.version_info[:2]} {home.resolve()}":
        return False
    # Scripts carry the absolute path of their interpreter: a moved environment has to be made again.
    activate = home / "bin" / "activate"
    return activate.is_file() and str(home.resolve()) in activate.read_text()


def _install(request: Request, say: Say) -> None:
    settings = index_settings(_pip_config(request.python))
    try:
        uv = request.uv or _install_uv(request, say)
        command = [str(uv), "pip", "sync", "--quiet", "--python", str(request.python), "--require-hashes"]
        _run([*command, str(request.lock)], "installing packages", say, settings)
        installer = [str(uv), "pip", "install", "--quiet", "--python", str(request.python)]
    except BootstrapError as error:
        say(f"uv could not do it, so pip does:\n{_tail(str(error), 6)}")
        installer = [str(request.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*installer, "--require-hashes", "-r", str(request.lock)], "installing packages with pip", say)
    if request.editables:
        folders = [argument for folder in request.editables for argument in ("-e", str(folder.resolve()))]
        _run([*installer, "--no-deps", "--no-build-isolation", *folders], "linking this checkout", say, settings)


def _install_uv(request: Request, say: Say) -> Path:
    uv = request.venv / "bin" / "uv"
    pip = [str(request.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(BOOTSTRAP_LOCK)], "installing uv", say)
    return uv


def _pip_config(python: Path) -> dict[str, str]:
    """Return pip's effective settings (files and environment) by their short name."""
    result = subprocess.run([str(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in result.stdout.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            found[key.rsplit(".", 1)[-1].lower()] = value.strip().strip("'\"")
    return found


def index_settings(pip: dict[str, str]) -> dict[str, str]:
    """Translate pip's settings into uv's, so that a company's mirror or certificate works with both.

    A setting that the user already made for uv wins.
    """
    translated = {
        "UV_DEFAULT_INDEX": pip.get("index-url"),
        "UV_INDEX": pip.get("extra-index-url"),
        "UV_FIND_LINKS": pip.get("find-links"),
        "SSL_CERT_FILE": pip.get("cert"),
        "UV_OFFLINE": "1" if pip.get("no-index", "").lower() in {"1", "true", "yes"} else None,
    }
    return {name: value for name, value in translated.items() if value and name not in os.environ}


def _run(command: Sequence[str], title: str, say: Say, extra: dict[str, str] | None = None) -> None:
    """Run a command quietly, but never silently for long; raise with its output when it fails."""
    environment = {**os.environ, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "copy"), **(extra or {})}
    environment.pop("VIRTUAL_ENV", None)
    say(f"  {title}")
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    )
    while True:
        try:
            output, _ = process.communicate(timeout=HEARTBEAT_SECONDS)
            break
        except subprocess.TimeoutExpired:
            say(f"  {title}: {time.monotonic() - started:.0f}s")
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise BootstrapError(f"{title} failed ({Path(command[0]).name}):\n{_tail(output)}")


def _tail(text: str, lines: int = 25) -> str:
    return "\n".join("    " + line for line in text.strip().splitlines()[-lines:])


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Make a virtual environment from a lock file.")
    parser.add_argument("venv", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path, action="append", default=[])
    parser.add_argument("--uv", type=Path)
    parser.add_argument("--check", action="store_true", help="only tell, by the exit code, whether it is current")
    options = parser.parse_args(arguments)
    if sys.version_info[:2] < OLDEST:
        print(f"Plinth needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    request = Request(options.venv, options.lock, tuple(options.editable), options.uv)
    if options.check:
        return 0 if is_current(request) else 1
    try:
        ensure(request, lambda text: print(text, flush=True))
    except BootstrapError as error:
        print(f"{error}\nNothing is lost: fix it and run the same command again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
