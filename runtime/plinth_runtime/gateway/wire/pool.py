"""Connections to one address, kept for the next request: found without waiting, bounded, and let go when idle."""

import asyncio
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable

from plinth_runtime.gateway.wire.errors import UpstreamError
from plinth_runtime.gateway.wire.link import Link

IDLE_SECONDS = 4.0
"""How long an idle connection is kept, in seconds: below the 5 s of uvicorn, which vLLM uses, so that a request
is not sent on a connection that the backend is about to close."""

RESOLVE_SECONDS = 10.0
"""How long the addresses of a name are used, in seconds, before they are asked for again."""


class Pool:
    """Connections to a host and port, over TLS where `tls` says how."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
        limit: int = 4096,
        connect_seconds: float = 2.0,
    ) -> None:
        """`tls` is asked for every new connection, so that renewed certificates count; `limit` bounds connections."""
        self.host, self.port = host, port
        self._tls = tls
        self.limit = limit
        self.connect_seconds = connect_seconds
        self._idle: deque[Link] = deque()
        self._links: set[Link] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._addresses: list[str] = []
        self._resolved = 0.0
        self._resolving: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def open(self) -> int:
        """Number of connections."""
        return len(self._links) + self._opening

    def take(self) -> Link | None:
        """Return an idle connection, the one used last; None where a new one is needed."""
        while self._idle:
            link = self._idle.pop()
            if link.usable and self._loop.time() - link.idle_since < IDLE_SECONDS:
                return link
            link.close()
        return None

    async def connect(self) -> Link:
        """Return a new connection, or one that becomes free while the limit is reached.

        Raises:
            UpstreamError: There is none to be had within the time for connecting.
        """
        try:
            async with asyncio.timeout(self.connect_seconds):
                while self.open >= self.limit:
                    if (link := await self._turn()) is not None:
                        return link
                self._opening += 1
                try:
                    return await self._open()
                finally:
                    self._opening -= 1
                    self._wake()
        except TimeoutError:
            if self.open >= self.limit:
                raise UpstreamError("busy", f"has all its {self.limit} connections in use", unsent=True) from None
            words = f"accepted no connection within {self.connect_seconds:g} seconds"
            raise UpstreamError("timeout", words, unsent=True) from None

    def free(self, link: Link) -> None:
        """Take back a connection; one to an address that the name has no longer is closed."""
        if self._closed or (link.address not in self._addresses and self._addresses):
            link.close()
            return
        link.idle_since = self._loop.time()
        self._idle.append(link)
        self._wake()

    def lost(self, link: Link) -> None:
        """Forget a connection."""
        self._links.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        self._wake()

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long, and look for changed addresses; called every second."""
        while self._idle and now - self._idle[0].idle_since >= IDLE_SECONDS:
            self._idle.popleft().close()
        stale = now - self._resolved > RESOLVE_SECONDS
        if self._links and stale and self._resolving is None and not _is_address(self.host):
            self._resolving = self._loop.create_task(self._renew())

    def retire(self) -> None:
        """Close idle connections now, and others when their answer is complete."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close everything."""
        self.retire()
        if self._resolving is not None:
            self._resolving.cancel()
        for link in list(self._links):
            link.drop()

    async def _turn(self) -> Link | None:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.cancelled():
                self._wake()
        return self.take()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _open(self) -> Link:
        if not self._addresses or self._loop.time() - self._resolved > RESOLVE_SECONDS:
            await self._resolve()
        last: OSError | None = None
        for address in random.sample(self._addresses, len(self._addresses)):
            try:
                return await self._open_at(address)
            except ssl.SSLError:
                raise UpstreamError("tls", "has no valid TLS certificate", unsent=True) from None
            except OSError as error:
                last = error
        words = (last and last.strerror) or "no connection"
        raise UpstreamError("connect", f"cannot be reached ({words})", unsent=True)

    async def _open_at(self, address: str) -> Link:
        context = self._tls() if self._tls else None
        made: list[Link] = []

        def factory() -> Link:
            made.append(Link(self, address))
            return made[0]

        name = self.host if context else None
        await self._loop.create_connection(factory, address, self.port, ssl=context, server_hostname=name)
        link = made[0]
        if not link.usable:
            raise OSError("closed at once")
        self._links.add(link)
        return link

    async def _resolve(self) -> None:
        if _is_address(self.host):
            self._addresses, self._resolved = [self.host], self._loop.time()
            return
        try:
            found = await self._loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            if not self._addresses:
                raise UpstreamError("connect", "has a host name that is not known", unsent=True) from None
        else:
            self._addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        self._resolved = self._loop.time()

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(self.connect_seconds):
                await self._resolve()
            for link in [link for link in self._idle if link.address not in self._addresses]:
                link.close()
        except TimeoutError:
            self._resolved = self._loop.time()
        finally:
            self._resolving = None


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True
