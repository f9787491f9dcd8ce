"""One emulator for the fast tests, and a server of raw bytes for the broken ones."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from support.warehouse import Emulator, emulator


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator(chunk_rows=1_000) as server:
        yield server


@pytest.fixture
def broken() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Serve raw bytes: `broken(handle)` gives a port; `handle` gets each connection."""
    listeners: list[socket.socket] = []

    def serve(handle: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    yield serve
    for listener in listeners:
        listener.close()
