"""Keeps the engine: runs it as a child and ends it, with everything it started, once the CLI is gone.

Started as `python -I -S keeper.py GRACE COMMAND...`, so it uses the standard library only. Its standard input is a
pipe that the CLI holds open and never writes to: end of file means that the CLI is gone, however it died. The keeper
leads a session of its own, because Pulumi puts each plugin into a process group of its own, and because Ctrl-C in the
terminal must reach the CLI first, which passes it on.

GRACE is how many seconds the engine may take, after the CLI is gone, to finish what is in flight and write its state
down. With 0 it is killed at once: right for a rehearsal, whose providers died together with the CLI.
"""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5


def members(session: int) -> list[int]:
    """Return the processes of a session, without its leader."""
    proc = Path("/proc")
    if (proc / "self" / "stat").exists():
        everyone = [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    else:
        listing = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=False).stdout
        everyone = [int(word) for word in listing.split()]
    found: list[int] = []
    for pid in everyone:
        try:
            if pid != session and os.getsid(pid) == session:
                found.append(pid)
        except OSError:  # it ended while we looked, or is not ours to ask about
            continue
    return found


def kill_members(session: int) -> int:
    """Kill what is left of a session and return how many processes that were."""
    killed: set[int] = set()
    for _ in range(20):
        alive = [pid for pid in members(session) if pid not in killed]
        if not alive:
            break
        for pid in alive:
            killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    return len(killed)


def _start(command: list[str]) -> int:
    """Fork and execute; safe because the keeper has one thread."""
    child = os.fork()
    if child:
        return child
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.execv(command[0], command)  # noqa: S606 - the engine, from an argument list
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _ended(child: int) -> int | None:
    """The exit code of the child in the shell's convention, or None while it runs."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _stop(child: int, grace: float) -> int:
    """End the child after the CLI is gone."""
    deadline = time.monotonic() + grace
    if grace > 0:
        os.kill(child, signal.SIGINT)
    while time.monotonic() < deadline:
        code = _ended(child)
        if code is not None:
            return code
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 137


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the CLI is gone; returns the exit code."""
    grace, command = float(arguments[0]), arguments[1:]
    os.setsid()
    wake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    interrupts: list[int] = []

    def note(number: int, _: object) -> None:
        if number != signal.SIGCHLD:  # which only has to wake us
            interrupts.append(signal.SIGINT)

    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    child = _start(command)
    code = None
    while code is None:
        ready, _, _ = select.select([0, wake], [], [], POLL_SECONDS)
        if wake in ready:
            os.read(wake, 512)
        while interrupts:
            os.kill(child, interrupts.pop())
        code = _ended(child)
        if code is None and 0 in ready and not os.read(0, 512):
            code = _stop(child, grace)
    kill_members(os.getpid())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
