"""Runs ASGI applications on uvicorn: sockets bound with a clear error, and an orderly end."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from plinth_runtime.asgi import Receive, Scope, Send
from plinth_runtime.errors import StartupError
from plinth_runtime.names import BIND_HOST_VARIABLE
from plinth_runtime.protocol import Protocol

App = Callable[[Scope, Receive, Send], Awaitable[None]]

LAST_SECONDS = 1
"""Time between the end of draining and the cancellation of what still runs, in seconds."""


class Drain:
    """The way to the end: asked for by SIGTERM or SIGINT, over when nothing is in flight or time is up."""

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self.in_flight = 0
        self.asked = asyncio.Event()
        self._idle = asyncio.Event()

    @property
    def draining(self) -> bool:
        """Whether the process has been asked to end."""
        return self.asked.is_set()

    def enter(self) -> None:
        """Count a request."""
        self.in_flight += 1

    def leave(self) -> None:
        """Count its end."""
        self.in_flight -= 1
        if self.draining and self.in_flight == 0:
            self._idle.set()

    async def over(self) -> bool:
        """Wait until asked to end and then for the requests in flight; return whether all of them finished."""
        await self.asked.wait()
        if self.in_flight == 0:
            return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self.limit_seconds)
        return self.in_flight == 0


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


def bind(host: str, port: int, what: str) -> socket.socket:
    """Open a listening socket; PLINTH_BIND_HOST overrides the host.

    Raises:
        StartupError: The address cannot be used, with the reason.
    """
    host = os.environ.get(BIND_HOST_VARIABLE) or host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise StartupError(
            f"{what} cannot listen on {host}:{port}: {reason}. Free the port or choose another."
        ) from None
    listener.setblocking(False)
    return listener


async def serve(apps: list[tuple[App, socket.socket]], drain: Drain) -> bool:
    """Serve until SIGTERM or SIGINT, drain, and return whether every request finished; a second signal ends at once."""
    servers = [_server(app) for app, _ in apps]
    loop = asyncio.get_running_loop()
    hurry = asyncio.Event()

    def signalled() -> None:
        (hurry if drain.draining else drain.asked).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    running = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, (_, listener) in zip(servers, apps, strict=True)
    ]
    over = asyncio.create_task(drain.over())
    hurried = asyncio.create_task(hurry.wait())
    await asyncio.wait([over, hurried, *running], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
        server.force_exit = hurry.is_set()
    await asyncio.gather(*running)
    hurried.cancel()
    return over.done() and over.result()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the process's main coroutine on uvloop."""
    uvloop.run(main())


def _server(app: App) -> _Server:
    return _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type] - uvicorn's own ASGI types are narrower than the standard's
            http=Protocol,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=LAST_SECONDS,
        )
    )
