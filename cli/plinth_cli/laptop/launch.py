"""Starts a command that cannot outlive its parent: `python launch.py PARENT_PID COMMAND...`.

On Linux the kernel is asked to kill the process when its parent dies (prctl(2), PR_SET_PDEATHSIG, which survives
execve(2)), and this process becomes the command. Elsewhere it stays, and ends the command when its own standard
input, a pipe that the parent holds, is closed. Run as a file, so that nothing else is imported.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command, or watch over it."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    sys.exit(watch_over(command))


def watch_over(command: list[str]) -> int:
    """Run the command, pass SIGTERM on, kill it when standard input ends; return its status as a shell would."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def pass_on(_number: int, _frame: object) -> None:
        process.terminate()

    signal.signal(signal.SIGTERM, pass_on)

    def until_closed() -> None:
        while os.read(0, 4096):
            pass
        process.kill()

    threading.Thread(target=until_closed, daemon=True).start()
    status = process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    main(sys.argv[1:])
