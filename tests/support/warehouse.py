"""The warehouse emulator on a free port, in a thread of the test's process, so that tests see what arrived."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from plinth_runtime.warehouse.config import EmbeddedWarehouse
from plinth_runtime.warehouse.emulator.engine import Engine
from plinth_runtime.warehouse.emulator.wire import SignIn, Wire, anybody


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    port: int
    engine: Engine
    wire: Wire

    def hold_chunks(self) -> threading.Event:
        """Answer no request for a chunk until the event that this returns is set."""
        gate, answer = threading.Event(), self.wire.chunk

        async def held(name: str) -> bytes | None:
            await asyncio.to_thread(gate.wait, 30)
            return await answer(name)

        self.wire.chunk = held
        return gate

    def endpoint(self, **more: object) -> EmbeddedWarehouse:
        """Where it is, as a configuration."""
        return EmbeddedWarehouse.model_validate({"kind": "embedded", "port": self.port, "database": "ANALYTICS"} | more)


@contextlib.contextmanager
def emulator(folder: Path | None = None, *, chunk_rows: int = 10_000, sign_in: SignIn = anybody) -> Iterator[Emulator]:
    """Serve until the block ends."""
    engine = Engine(folder)
    app = Wire(engine, chunk_rows=chunk_rows, sign_in=sign_in)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the emulator did not start"
        time.sleep(0.01)
    try:
        yield Emulator(listener.getsockname()[1], engine, app)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
