"""`plinth-runtime warehouse-emulator`: serves until it is told to stop."""

from pathlib import Path

import uvicorn

from plinth_runtime.warehouse.emulator.engine import Engine
from plinth_runtime.warehouse.emulator.wire import Wire

HOST = "127.0.0.1"
"""Nowhere else: there is no access control."""


def run(port: int, folder: Path | None) -> int:
    """Serve the emulator; return the exit status.

    Args:
        port: TCP port.
        folder: Where databases are kept; without it they are gone at the end.

    Raises:
        StartupError: the development package is missing.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    app = Wire(Engine(folder))
    uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning", lifespan="off")).run()
    return 0
