"""Pulumi's Python SDK in our own process: kept quiet, and imported early."""

import contextlib
import importlib
import io
import logging
import threading
from collections.abc import Generator

from plinth_cli.console import Console
from plinth_cli.engine.project import Project


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Keep the SDK from sending its debug log to the engine.

    It sends several messages per resource: a third of a large program's time, and secrets in plaintext among them.
    """
    from pulumi import log

    def nothing(*_: object, **__: object) -> None:
        return None

    original = log.debug
    log.debug = nothing
    # An engine that was stopped no longer takes the program's last words; grpc would print a traceback about that.
    grpc_log = logging.getLogger("grpc._server")
    level = grpc_log.level
    grpc_log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.debug = original
        grpc_log.setLevel(level)


@contextlib.contextmanager
def program_output(console: Console) -> Generator[None]:
    """What the program prints goes to the narration: stdout holds the result and nothing else."""

    class Lines(io.TextIOBase):
        def write(self, text: str) -> int:
            for line in text.splitlines():
                if line.strip():
                    console.note(f"program: {line}")
            return len(text)

    with contextlib.redirect_stdout(Lines()):
        yield


def warm_up(project: Project) -> None:
    """Import the platform's program while the stand-ins start: seconds, on a machine with a second core.

    Only ours, which makes nothing when it is imported; a team's modules may register resources at import.
    """
    if not project.is_platform or not (project.root / "components" / "plinth" / "program.py").is_file():
        return

    def load() -> None:
        with contextlib.suppress(Exception):  # the program will fail on it again, where it is told
            importlib.import_module("plinth.program")

    threading.Thread(target=load, name="warm-up", daemon=True).start()
