"""Connections to backends. All that the gateway knows of its HTTP client is in this module."""

import ssl
from collections.abc import AsyncIterator, Iterable
from types import TracebackType

import aiohttp

from plinth_runtime import __version__
from plinth_runtime.asgi import EVENT_STREAM, Header
from plinth_runtime.config import Backend
from plinth_runtime.gateway.auth import AuthError, Request, authenticator
from plinth_runtime.gateway.trust import Trusted
from plinth_runtime.logs import Log

IDLE_SECONDS = 4.0
"""How long an idle connection is kept, in seconds: below the 5 s of uvicorn, which vLLM uses, so that a request
is not sent on a connection that the backend is about to close."""

FORWARDED = ("content-type", "cache-control", "retry-after", "retry-after-ms", "x-should-retry")
"""Headers of a backend's answer that reach the client; all others stay here."""


WHOLE_BYTES = 1 << 20
"""Up to this size, in bytes, a plain answer is read whole before its first byte goes to the client, so that another
backend can still take over; what is larger is passed on as it arrives."""


class UpstreamError(Exception):
    """A backend failed. `reason` is a word for metrics, `detail` words for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Answer:
    """A backend's answer."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.streams = response.content_type.encode() == EVENT_STREAM
        self.start = b""
        self.complete = False

    def headers(self) -> list[Header]:
        """Return those headers that are for the client."""
        found = self._response.headers
        return [(name.encode(), found[name].encode("latin-1")) for name in FORWARDED if name in found]

    async def begin(self) -> None:
        """Read the first piece of a stream, or a plain body (whole, or WHOLE_BYTES of it), into `start`.

        Raises:
            UpstreamError: The connection broke before that.
        """
        parts: list[bytes] = []
        size = 0
        async for piece in self._pieces():
            parts.append(piece)
            size += len(piece)
            if self.streams or size > WHOLE_BYTES:
                break
        else:
            self.complete = True
        self.start = parts[0] if len(parts) == 1 else b"".join(parts)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, `start` first.

        Raises:
            UpstreamError: The connection broke before the body was complete.
        """
        yield self.start
        async for piece in self._pieces():
            yield piece

    def close(self) -> None:
        """Let go: the connection is kept if the body was read to its end, and closed otherwise."""
        self._response.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError("broken", f"broke off its answer ({type(error).__name__})") from None


class Upstream:
    """A pool of connections to all backends. Use as an asynchronous context manager."""

    def __init__(self, backends: Iterable[Backend]) -> None:
        """Read the backends' credentials and certificates.

        Raises:
            StartupError: One is missing or cannot be used.
        """
        listed = list(backends)
        found = {backend.name: authenticator(backend) for backend in listed}
        self._proofs = {name: proof for name, proof in found.items() if proof is not None}
        self._trusted = {item.name: Trusted(item.name, item.ca_file) for item in listed if item.ca_file is not None}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Upstream":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": f"plinth-gateway/{__version__}", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def refresh(self, log: Log) -> None:
        """Read changed credentials and certificates."""
        for item in (*self._proofs.values(), *self._trusted.values()):
            item.refresh(log)

    def has_credential(self, backend: str) -> bool:
        """Whether requests to a backend are authenticated."""
        return backend in self._proofs

    def redact(self, backend: str, text: bytes) -> bytes:
        """Return text of a backend without the credentials that were sent to it."""
        proof = self._proofs.get(backend)
        for secret in proof.secrets() if proof else []:
            text = text.replace(secret.encode(), b"[redacted]")
        return text

    async def post(self, backend: Backend, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request and wait for the head of the answer.

        Raises:
            UpstreamError: There is none.
        """
        return await self._send("POST", backend, path, body, headers)

    async def get(self, backend: Backend, path: str) -> Answer:
        """Ask for something; raises like `post`."""
        return await self._send("GET", backend, path, None, {})

    async def _send(
        self, method: str, backend: Backend, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        assert self._session is not None, "use Upstream as a context manager"
        url = backend.url + path
        headers = headers | backend.headers
        trusted = self._trusted.get(backend.name)
        try:
            if (proof := self._proofs.get(backend.name)) is not None:
                headers |= await proof.headers(Request(method, url, headers, body or b""), self._session)
            response = await self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=trusted.context if trusted else True,
                timeout=aiohttp.ClientTimeout(sock_connect=backend.connect_timeout_seconds),
            )
        except AuthError as error:
            raise UpstreamError("credentials", str(error)) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _failure(error, backend) from None
        return Answer(response)


def _failure(error: Exception, backend: Backend) -> UpstreamError:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return UpstreamError("connect", "has a host name that is not known")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return UpstreamError("tls", "has no valid TLS certificate")
        case aiohttp.ClientConnectorError():
            return UpstreamError("connect", f"cannot be reached ({error.os_error.strerror or 'no connection'})")
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientOSError():
            return UpstreamError("disconnect", "closed the connection without an answer")
        case TimeoutError():
            return UpstreamError(
                "timeout", f"accepted no connection within {backend.connect_timeout_seconds:g} seconds"
            )
        case _:
            return UpstreamError("protocol", f"gave no valid HTTP answer ({type(error).__name__})")
