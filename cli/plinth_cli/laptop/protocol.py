"""How the command line and the supervisor talk: a Unix socket, one JSON object a line.

A request is `{"op": ..., ...}`. The answer is any number of `{"progress": text}` and at last `{"result": ...}` or
`{"error": {"what", "where", "fix"}}`.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs

State = Literal["starting", "ready", "not ready", "restarting", "stopping", "stopped"]

CLOUD = "aws"
"""Name of the process that stands in for AWS."""

SUPERVISOR = "supervisor"
"""Name of the supervisor's own log."""

_LONGEST_SOCKET_PATH = 100
"""In bytes: the kernel allows 104 (macOS) to 108 (Linux), with the final zero."""


@dataclass(frozen=True)
class ProcessStatus:
    """A process of the laptop, as it is now."""

    name: str
    state: State
    pid: int | None
    port: int | None
    address: str | None
    restarts: int
    since: float
    """When the state began, in seconds since 1970."""
    detail: str
    """Why it is not ready, or what is different from a cluster; may be empty."""


@dataclass(frozen=True)
class StateFile:
    """What `supervisor.json` says about a running supervisor."""

    pid: int
    started: float
    """When the process began, in seconds since 1970."""
    socket: str


def socket_path(dirs: EnvDirs) -> Path:
    """Return where the control socket is: in the run folder; where that path is too long, in a folder of the user's.

    Raises:
        PlinthError: That folder exists and is somebody else's.
    """
    path = dirs.run.absolute() / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"plinth-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise PlinthError(
            "The folder for control sockets is not private.", str(folder), "Remove it, or set XDG_RUNTIME_DIR."
        )
    return folder / f"{hashlib.sha256(os.fsencode(dirs.run.absolute())).hexdigest()[:16]}.sock"


def state_file(dirs: EnvDirs) -> Path:
    """Return the file that tells of a running supervisor."""
    return dirs.run / "supervisor.json"


def read_state(dirs: EnvDirs) -> StateFile | None:
    """Return what the state file says, or None where there is none that can be understood."""
    try:
        raw = json.loads(state_file(dirs).read_text())
        return StateFile(pid=int(raw["pid"]), started=float(raw["started"]), socket=str(raw["socket"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def write_state(dirs: EnvDirs, state: StateFile) -> None:
    """Write the state file, whole."""
    fresh = state_file(dirs).with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(state_file(dirs))


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message).encode() + b"\n"


def error_message(error: PlinthError) -> dict[str, Any]:
    """Return the message that carries an error."""
    return {"error": {"what": error.what, "where": error.where, "fix": error.fix}}


def log_file(dirs: EnvDirs, name: str) -> Path:
    """Return the log of a process."""
    return dirs.logs / f"{name}.log"
