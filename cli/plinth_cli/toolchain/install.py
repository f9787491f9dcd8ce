"""Getting the Pulumi CLI: each way in turn, with the reasons kept for the one message at the end."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from plinth_cli import paths
from plinth_cli.console import Console, Task
from plinth_cli.errors import PlinthError
from plinth_cli.toolchain import gobuild
from plinth_cli.toolchain.cache import exclusive, executable_in, staged
from plinth_cli.toolchain.download import download_release
from plinth_cli.toolchain.model import (
    LANGUAGE_HOST_VERSION,
    PULUMI_VERSION,
    AttemptFailed,
    LanguageHost,
    Origin,
    Toolchain,
    good_enough,
    platform_name,
    probe,
    wanted_version,
)

OVERRIDE = "PLINTH_PULUMI"
INSTALL_PAGE = "https://www.pulumi.com/docs/install/"
Attempts = list[tuple[str, str]]
Way = tuple[str, Origin, Callable[[Path, Task], None]]


def find_pulumi() -> Toolchain | None:
    """Return a CLI that is already there (PLINTH_PULUMI, PATH, cache), or None.

    Raises:
        PlinthError: PLINTH_PULUMI names something that is not a usable Pulumi CLI.
    """
    return _find([])


def ensure_pulumi(console: Console) -> Toolchain:
    """Return a CLI, getting one into the cache if there is none; later calls find it there.

    Raises:
        PlinthError: None could be had; the error lists each thing tried, why it failed and what to do.
    """
    attempts: Attempts = []
    found = _find(attempts)
    if found:
        return found
    target = _cached_release()
    ways: list[Way] = [
        ("official release", "download", download_release),
        ("go build", "build", lambda folder, task: gobuild.build(gobuild.PULUMI, folder, console, task)),
    ]
    with exclusive(target.parent, console, "the Pulumi CLI"):
        cached = executable_in(target, "pulumi")
        if cached:
            return Toolchain(cached, PULUMI_VERSION, "cache")
        for name, origin, way in ways:
            if _install(target, "pulumi", way, f"Pulumi CLI {PULUMI_VERSION}: {name}", attempts, console):
                return Toolchain(target / "pulumi", PULUMI_VERSION, origin)
    raise _nothing_worked(attempts)


def ensure_language_host(console: Console, toolchain: Toolchain | None = None) -> LanguageHost:
    """Return Pulumi's language host for Python, for people and tests that type `pulumi` themselves.

    Plinth's own commands do not need it. A complete Pulumi installation has it; a CLI that was built has not,
    then the newest published one is built as well.

    Raises:
        PlinthError: None could be had.
    """
    name = "pulumi-language-python"
    beside = executable_in(toolchain.bin_dir, name) if toolchain else None
    found = beside or (Path(on_path) if (on_path := shutil.which(name)) else None)
    if found:
        return LanguageHost(found.absolute(), "path")
    target = paths.cache_dir() / "pulumi-language-python" / LANGUAGE_HOST_VERSION

    def way(folder: Path, task: Task) -> None:
        gobuild.build(gobuild.LANGUAGE_HOST, folder, console, task)
        gobuild.copy_exec_script(folder)

    attempts: Attempts = []
    with exclusive(target.parent, console, "the language host"):
        if executable_in(target, name):
            return LanguageHost(target / name, "cache")
        if _install(target, None, way, f"Pulumi's language host {LANGUAGE_HOST_VERSION}: go build", attempts, console):
            return LanguageHost(target / name, "build")
    raise PlinthError(
        "Pulumi's language host for Python is not installed and could not be built.",
        where=_listed(attempts),
        fix=f"Install Pulumi completely ({INSTALL_PAGE}), so that pulumi-language-python is on PATH.",
    )


def _find(attempts: Attempts) -> Toolchain | None:
    override = os.environ.get(OVERRIDE)
    if override:
        return _overridden(Path(override).expanduser())
    on_path = shutil.which("pulumi")
    if on_path:
        try:
            version = probe(Path(on_path))
            text = ".".join(map(str, version))
            if good_enough(version, wanted_version()):
                return Toolchain(Path(on_path).absolute(), text, "path")
            attempts.append(("on PATH", f"{on_path} is {text}; {PULUMI_VERSION} or newer (below 4) is needed"))
        except AttemptFailed as failure:
            attempts.append(("on PATH", str(failure)))
    else:
        attempts.append(("on PATH", "no pulumi"))
    target = _cached_release()
    cached = executable_in(target, "pulumi")
    if cached:
        return Toolchain(cached, PULUMI_VERSION, "cache")
    attempts.append(("in the cache", f"no {target / 'pulumi'}"))
    return None


def _overridden(executable: Path) -> Toolchain:
    try:
        version = probe(executable)
        text = ".".join(map(str, version))
        if not good_enough(version, wanted_version()):
            raise AttemptFailed(f"{executable} is {text}; {PULUMI_VERSION} or newer (below 4) is needed")
    except AttemptFailed as failure:
        raise PlinthError(
            f"{OVERRIDE} does not name a usable Pulumi CLI: {failure}.",
            where=f"{OVERRIDE}={executable}",
            fix=f"Point {OVERRIDE} at a Pulumi CLI {PULUMI_VERSION} or newer, or unset it.",
        ) from None
    return Toolchain(executable.absolute(), text, "path")


def _cached_release() -> Path:
    try:
        return paths.cache_dir() / "pulumi" / f"{PULUMI_VERSION}-{platform_name()}"
    except AttemptFailed as failure:
        raise PlinthError(
            f"Plinth runs on Linux and macOS (x64, arm64): {failure}.", fix="On Windows, use WSL 2."
        ) from None


def _install(
    target: Path,
    verify: str | None,
    way: Callable[[Path, Task], None],
    title: str,
    attempts: Attempts,
    console: Console,
) -> bool:
    """Try one way into a staging folder; keep the result only if the program in it runs."""
    try:
        with console.task(title) as task, staged(target) as folder:
            way(folder, task)
            if verify and probe(folder / verify) != wanted_version():
                raise AttemptFailed(f"what arrived is not version {PULUMI_VERSION}")
    except AttemptFailed as failure:
        attempts.append((title.rpartition(": ")[2], str(failure)))
        console.note(f"  {str(failure).splitlines()[0]}")
        return False
    except OSError as error:
        attempts.append((title.rpartition(": ")[2], f"{error.filename or target}: {error.strerror or error}"))
        return False
    return True


def _listed(attempts: Attempts) -> str:
    return "\n".join(f"{name}: {reason}".replace("\n", "\n  ") for name, reason in attempts)


def _nothing_worked(attempts: Attempts) -> PlinthError:
    return PlinthError(
        f"No Pulumi CLI {PULUMI_VERSION} could be found, downloaded or built.",
        where=_listed(attempts),
        fix=(
            f"Install Pulumi {PULUMI_VERSION} or newer ({INSTALL_PAGE}) so that it is on PATH, or set\n"
            f"{OVERRIDE}=/path/to/pulumi; behind a proxy set HTTPS_PROXY (download) and GOPROXY (build)."
        ),
    )
