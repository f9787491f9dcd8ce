"""Backends: how each is reached, with what proof, over which connections."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from types import TracebackType
from urllib.parse import urlsplit

from plinth_runtime import __version__
from plinth_runtime.config import Backend
from plinth_runtime.gateway.auth import Authenticator, AuthError, Request, authenticator
from plinth_runtime.gateway.deadline import Wheel
from plinth_runtime.gateway.trust import Trusted
from plinth_runtime.gateway.wire.errors import UpstreamError
from plinth_runtime.gateway.wire.link import Answer, Link
from plinth_runtime.gateway.wire.pool import Pool
from plinth_runtime.logs import Log

__all__ = ["FORWARDED", "Answer", "Upstream", "UpstreamError"]

FORWARDED = frozenset({b"content-type", b"cache-control", b"retry-after", b"retry-after-ms", b"x-should-retry"})
"""Headers of a backend's answer that reach the client; all others stay here."""

OTHER_CONNECTIONS = 16
"""Most connections to an address that only authenticators ask."""

_AGENT = f"User-Agent: plinth-gateway/{__version__}\r\nAccept-Encoding: identity\r\n".encode()


class Server:
    """A backend as requests need it: everything that the configuration decides is computed here, once."""

    def __init__(self, backend: Backend, usual: Callable[[], ssl.SSLContext]) -> None:
        """Read credentials and certificates.

        Raises:
            StartupError: One is missing or cannot be used.
        """
        self.backend = backend
        self.url = backend.url
        address = urlsplit(self.url)
        secure = address.scheme == "https"
        self.proof: Authenticator | None = authenticator(backend)
        self.trusted = Trusted(backend.name, backend.ca_file) if backend.ca_file is not None else None
        trusted = self.trusted
        tls = (lambda: trusted.context) if trusted else usual
        self.path = address.path
        default = 443 if secure else 80
        try:
            port = address.port or default
        except ValueError:
            port = default
        self.host = address.hostname or ""
        self.port = port
        self._tls = tls if secure else None
        self._host = f"[{self.host}]" if ":" in self.host else self.host
        if port != default:
            self._host += f":{port}"
        self.pool = self._pool()
        self.lines = b""
        self.fixed = False
        self.prepare()

    def _pool(self) -> Pool:
        backend = self.backend
        return Pool(
            self.host,
            self.port,
            tls=self._tls,
            limit=backend.max_connections,
            connect_seconds=backend.connect_timeout_seconds,
        )

    def prepare(self) -> None:
        """Write the header lines that are the same for every request."""
        fixed = self.proof.fixed() if self.proof else {}
        self.fixed = fixed is not None
        self.lines = b"Host: %b\r\n%b%b" % (self._host.encode(), _AGENT, header_lines(self.backend.headers))
        self.lines += header_lines(fixed or {})


def header_lines(headers: dict[str, str]) -> bytes:
    """Return headers as they are sent.

    Raises:
        ValueError: One would end its line.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("a header holds a line break")
    return lines


class _Timer:
    """Gives up on an answer that does not begin in time."""

    __slots__ = ("_answer", "_limit", "_slot", "_wheel")

    def __init__(self, wheel: Wheel, answer: Answer, limit: float) -> None:
        self._wheel, self._answer, self._limit = wheel, answer, limit
        self._slot = wheel.add(self, asyncio.get_running_loop().time() + limit)

    def cancel(self) -> None:
        """It has begun."""
        self._wheel.remove(self, self._slot)

    def expire(self) -> None:
        """It has not."""
        self._answer.give_up(UpstreamError("slow", f"gave no answer within {self._limit:g} seconds"))


class Upstream:
    """All backends. Use as an asynchronous context manager."""

    def __init__(self, backends: Iterable[Backend]) -> None:
        """Read the backends' credentials and certificates.

        Raises:
            StartupError: One is missing or cannot be used.
        """
        self.wheel = Wheel()
        """Times of requests and of their answers' beginnings."""
        self._usual: ssl.SSLContext | None = None
        self._listed = list(backends)
        # Found out now, so that a bad file ends the start; connections need the event loop, which may not run yet.
        for backend in self._listed:
            authenticator(backend)
            if backend.ca_file is not None:
                Trusted(backend.name, backend.ca_file)
        self._servers: dict[str, Server] = {}
        self._retired: list[Server] = []
        self._others: dict[tuple[str, str, int], Pool] = {}

    async def __aenter__(self) -> "Upstream":
        self._servers = {backend.name: Server(backend, self._context) for backend in self._listed}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in [server.pool for server in (*self._servers.values(), *self._retired)] + [*self._others.values()]:
            pool.close()
        await asyncio.sleep(0)

    def replace(self, backends: Iterable[Backend]) -> None:
        """Take other backends; those that stay as they are keep their connections, others finish what they began.

        Raises:
            StartupError: A credential or certificate is missing or cannot be used; nothing has changed then.
        """
        fresh = {
            backend.name: known
            if (known := self._servers.get(backend.name)) is not None and known.backend == backend
            else Server(backend, self._context)
            for backend in backends
        }
        gone = [server for name, server in self._servers.items() if fresh.get(name) is not server]
        self._servers = fresh
        for server in gone:
            server.pool.retire()
        self._retired = [server for server in (*self._retired, *gone) if server.pool.open]

    def refresh(self, log: Log) -> None:
        """Read changed credentials and certificates."""
        for server in self._servers.values():
            if server.trusted is not None:
                server.trusted.refresh(log)
            if server.proof is not None:
                server.proof.refresh(log)
                server.prepare()

    def sweep(self, now: float) -> None:
        """Let go of idle connections; called every second."""
        for server in (*self._servers.values(), *self._retired):
            server.pool.sweep(now)
        for pool in self._others.values():
            pool.sweep(now)

    def open_connections(self) -> int:
        """Connections to backends."""
        return sum(server.pool.open for server in (*self._servers.values(), *self._retired))

    def has_credential(self, backend: str) -> bool:
        """Whether requests to a backend are authenticated."""
        return self._servers[backend].proof is not None

    def redact(self, backend: str, text: bytes) -> bytes:
        """Return text of a backend without the credentials that were sent to it."""
        server = self._servers.get(backend)
        for secret in server.proof.secrets() if server and server.proof else []:
            text = text.replace(secret.encode(), b"[redacted]")
        return text

    async def post(self, backend: Backend, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request that may be repeated, and wait for the start of the answer.

        Raises:
            UpstreamError: There is none.
        """
        return await self.send(backend.name, "POST", path, header_lines(headers), body)

    async def get(self, backend: Backend, path: str) -> Answer:
        """Ask for something; raises like `post`."""
        return await self.send(backend.name, "GET", path, b"", None)

    async def send(
        self, backend: str, method: str, path: str, lines: bytes, body: bytes | None, limit: float | None = None
    ) -> Answer:
        """Send a request (`lines` are header lines, each with its CRLF) and wait for the start of the answer.

        A request that went out on a kept connection which turns out to be closed is sent again, once, on a new one:
        only what may be repeated is sent through here. `limit` bounds the time from when it was sent, in seconds.

        Raises:
            UpstreamError: There is no answer.
        """
        server = self._servers.get(backend)
        if server is None:
            raise UpstreamError("gone", "is no longer configured", unsent=True)
        head = b"%b %b%b HTTP/1.1\r\n%b%b" % (method.encode(), server.path.encode(), path.encode(), server.lines, lines)
        if not server.fixed:
            head += await self._proof(server, method, path, lines, body or b"")
        head += b"\r\n" if body is None else b"Content-Length: %d\r\n\r\n" % len(body)
        pool = server.pool
        while True:
            link = pool.take() or await pool.connect()
            answer = link.send(head, body or b"")
            timer = _Timer(self.wheel, answer, limit) if limit is not None else None
            try:
                await answer.begun()
            except UpstreamError as error:
                if error.reason == "disconnect" and link.used > 1 and not answer.touched:
                    continue
                raise
            except BaseException:
                answer.close()
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            return answer

    async def fetch(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Ask any address, with the usual certificates; the answer is read whole, up to 1 MiB.

        Raises:
            UpstreamError: There is no answer.
        """
        address = urlsplit(url)
        secure = address.scheme == "https"
        key = (address.scheme, address.hostname or "", address.port or (443 if secure else 80))
        pool = self._others.get(key)
        if pool is None:
            tls = self._context if secure else None
            pool = self._others[key] = Pool(key[1], key[2], tls=tls, limit=OTHER_CONNECTIONS)
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        head = f"{method} {target} HTTP/1.1\r\nHost: {address.netloc}\r\n".encode() + _AGENT + header_lines(headers)
        link: Link = pool.take() or await pool.connect()
        answer = link.send(head + b"Content-Length: %d\r\n\r\n" % len(body), body)
        try:
            await answer.begun()
            if not answer.complete:
                raise UpstreamError("protocol", "gave an answer that is too large")
            return answer.status, answer.start
        finally:
            answer.close()

    async def _proof(self, server: Server, method: str, path: str, lines: bytes, body: bytes) -> bytes:
        assert server.proof is not None
        named = [line.split(": ", 1) for line in lines.decode("latin-1").split("\r\n") if line]
        headers = dict(named) | server.backend.headers
        try:
            proof = await server.proof.headers(Request(method, server.url + path, headers, body), self.fetch)
        except AuthError as error:
            raise UpstreamError("credentials", str(error), unsent=True) from None
        return header_lines(proof)

    def _context(self) -> ssl.SSLContext:
        if self._usual is None:
            self._usual = ssl.create_default_context()
            self._usual.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._usual
