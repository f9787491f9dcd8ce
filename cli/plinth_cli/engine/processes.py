"""Whether a process that a file speaks of is still the same one."""

import os
import subprocess
import time
from pathlib import Path


def alive(pid: int) -> bool:
    """Return whether a process with this id exists (a zombie does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = _stat(pid)
    return stat is None or stat[0] != "Z"


def started(pid: int) -> float | None:
    """Return when the process began, in seconds since the epoch, or None where that cannot be found out."""
    stat = _stat(pid)
    if stat is not None:
        boot = _boot_time()
        return None if boot is None else boot + int(stat[19]) / os.sysconf("SC_CLK_TCK")
    listing = subprocess.run(["ps", "-o", "etimes=", "-p", str(pid)], capture_output=True, text=True, check=False)
    seconds = listing.stdout.strip()
    return time.time() - int(seconds) if seconds.isdigit() else None


def same(pid: int, since: float, slack: float = 2.0) -> bool:
    """Return whether `pid` is alive and was already there at `since` (seconds since the epoch).

    A process that began later has only inherited the number. `slack` absorbs the coarse clock of process start times.
    """
    if not alive(pid):
        return False
    begin = started(pid)
    return begin is None or begin <= since + slack


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; the second may hold spaces, so split after its bracket."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rsplit(")", 1)[-1].split()


def _boot_time() -> float | None:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return None
