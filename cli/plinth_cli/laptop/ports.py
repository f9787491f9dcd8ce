"""TCP ports on 127.0.0.1: free, or held by whom."""

import contextlib
import errno
import socket
from pathlib import Path

from plinth_cli.errors import PlinthError

HOST = "127.0.0.1"
_LISTEN = "0A"


def check(port: int, name: str, field: str, env: str) -> None:
    """Make sure that a port is free.

    Args:
        port: The port.
        name: What is to listen there.
        field: Field of the spec that chooses it, for example `laptop.ports.gateway`.
        env: Name of the environment.

    Raises:
        PlinthError: Something listens there; names it where that can be found out, and the field to change.
    """
    if is_free(port):
        return
    raise PlinthError(
        f"Port {port}, for {name}, is in use by {holder(port) or 'another process'}.",
        where=f"{HOST}:{port}",
        fix=f"Stop that process, or choose another port: platform.{field} in Pulumi.{env}.yaml.",
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def holder(port: int) -> str | None:
    """Return who listens on a port, as `name (process id)`; None where the system does not tell."""
    inodes = {f"socket:[{inode}]" for inode in _listeners(port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(_target(descriptor) in inodes for descriptor in (process / "fd").iterdir()):
                return f"{_name(process)} (process {process.name})"
    return None


def _listeners(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _name(process: Path) -> str:
    command = (process / "cmdline").read_bytes().split(b"\0")
    words = [word.decode(errors="replace") for word in command if word]
    if not words:
        return (process / "comm").read_text().strip()
    if len(words) > 2 and words[1] == "-m":
        return f"{Path(words[0]).name} -m {words[2]}"
    return Path(words[0]).name
