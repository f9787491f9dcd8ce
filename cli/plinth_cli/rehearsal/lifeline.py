"""Child processes that end when their parent does, however it ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None = None) -> None:
    """Makes this process receive SIGTERM when its parent dies, and when its standard input is closed.

    Linux tells a child of its parent's death (prctl(2), PR_SET_PDEATHSIG); the end of standard input, which the parent
    holds open as a pipe, works everywhere.

    Args:
        parent: process id of the parent as the parent knew it; if it is gone already, this process ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent is not None and os.getppid() != parent:
        sys.exit(0)
    threading.Thread(target=_watch_stdin, name="lifeline", daemon=True).start()


def announce(message: Mapping[str, Any]) -> None:
    """Tells the parent, in one line of JSON on standard output, that this process serves (or why it cannot)."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _watch_stdin() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
