"""Serving applications on sockets until the process is told to end."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from email.utils import formatdate

from plinth_runtime.gateway.wire.server import Application, Connection, Shared
from plinth_runtime.server import LAST_SECONDS, Drain

SWEEP_SECONDS = 1.0
"""Time between looks at connections that are too slow, in seconds."""


class Listener:
    """An application on a listening socket."""

    def __init__(self, application: Application, listener: socket.socket, max_body_bytes: Callable[[], int]) -> None:
        self.shared = Shared(application, max_body_bytes)
        self._socket = listener
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        self._date()
        self._server = await loop.create_server(lambda: Connection(self.shared), sock=self._socket, backlog=2048)

    def sweep(self, now: float) -> None:
        """Look at every connection."""
        self._date()
        for connection in list(self.shared.connections):
            connection.sweep(now)

    def ending(self) -> None:
        """Every answer from now on is its connection's last."""
        self.shared.ending = True

    async def stop(self) -> None:
        """Accept no more, and close what is idle."""
        self.shared.ending = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.shared.connections):
            connection.end()

    def abort(self) -> None:
        """Close what is left."""
        self.shared.aborted = True
        for connection in list(self.shared.connections):
            connection.abort()

    def _date(self) -> None:
        self.shared.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()


async def serve(listeners: list[Listener], drain: Drain, sweep: Callable[[float], None]) -> bool:
    """Serve until SIGTERM or SIGINT, drain, and return whether every request finished; a second signal ends at once.

    `sweep` is called every second with the event loop's time.
    """
    loop = asyncio.get_running_loop()
    hurry = asyncio.Event()

    def signalled() -> None:
        (hurry if drain.draining else drain.asked).set()
        for listener in listeners:
            listener.ending()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    for listener in listeners:
        await listener.start()
    sweeping = loop.create_task(_sweep(listeners, sweep))
    over, hurried = loop.create_task(drain.over()), loop.create_task(hurry.wait())
    try:
        await asyncio.wait([over, hurried, sweeping], return_when=asyncio.FIRST_COMPLETED)
        for listener in listeners:
            await listener.stop()
        if not hurry.is_set():
            await _closed(listeners)
    finally:
        for listener in listeners:
            listener.abort()
        for task in (sweeping, hurried, over):
            task.cancel()
        await _closed(listeners)
    if sweeping.done() and not sweeping.cancelled() and (error := sweeping.exception()) is not None:
        raise error
    return over.done() and not over.cancelled() and over.result()


async def _closed(listeners: list[Listener]) -> None:
    """Give answers that were just finished the time to reach their clients."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            while any(listener.shared.connections for listener in listeners):  # noqa: ASYNC110 - an event for each connection would cost every request
                await asyncio.sleep(0.02)
            await asyncio.sleep(0)


async def _sweep(listeners: list[Listener], more: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        more(now)
        for listener in listeners:
            listener.sweep(now)
