"""Chat completions: the data path. Checked, forwarded to a backend, and passed back as it arrives."""

import asyncio
import contextlib

import msgspec

from plinth_runtime.asgi import (
    Headers,
    Receive,
    Send,
    Watcher,
    read_body,
    send_piece,
    start_stream,
)
from plinth_runtime.config import Backend, GatewayConfig, Hold
from plinth_runtime.errors import ApiError, ClientGoneError, timed_out
from plinth_runtime.gateway.call import Call
from plinth_runtime.gateway.exchange import Exchange
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.holding import ASLEEP, Holding
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.routing import Routes
from plinth_runtime.gateway.upstream import Answer, Upstream, UpstreamError
from plinth_runtime.gateway.usage import StreamTail, from_body

UPSTREAM_PATH = "/chat/completions"
TRACE_HEADERS = (b"traceparent", b"tracestate")
"""W3C trace context, the only headers of a client that backends get."""

MAX_LINE_BYTES = 64 * 1024
"""Longest line of a stream that is held back until it is complete, in bytes."""

MESSAGE_CHARACTERS = 300
"""How much of a backend's own error message is repeated."""


class BrokenAnswerError(Exception):
    """A plain answer broke off after its head was sent: only closing the connection can tell the client."""


class _UpstreamMessage(msgspec.Struct):
    class Error(msgspec.Struct):
        message: str

    error: Error


class Chat:
    """Answers POST /v1/chat/completions."""

    def __init__(
        self,
        config: GatewayConfig,
        keys: KeyRing,
        routes: Routes,
        upstream: Upstream,
        health: Health,
        holding: Holding,
        metrics: Metrics,
    ) -> None:
        self._max_body = config.max_body_bytes
        self._seconds = config.request_timeout_seconds
        self._keys = keys
        self._routes = routes
        self._upstream = upstream
        self._health = health
        self._holding = holding
        self._metrics = metrics

    async def __call__(self, exchange: Exchange, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ApiError: It is refused or failed, and nothing was sent yet.
            ClientGoneError: The client left.
            BrokenAnswerError: The answer broke off after its start.
        """
        key = self._keys.authenticate(headers)
        exchange.tenant, exchange.key_id = key.tenant, key.id
        exchange.trace_project = self._routes.trace_project(key.tenant)
        try:
            async with asyncio.timeout(self._seconds) as limit:
                call = Call(await read_body(headers, receive, self._max_body))
                self._routes.check(key.tenant, call.model)
                exchange.route = call.model
                await self._while_connected(exchange, call, headers, receive, send, limit)
        except TimeoutError:
            await self._break_off(exchange, timed_out(self._seconds, exchange.backend), "timeout", send)

    async def _while_connected(
        self,
        exchange: Exchange,
        call: Call,
        headers: Headers,
        receive: Receive,
        send: Send,
        limit: asyncio.Timeout,
    ) -> None:
        watcher = Watcher(receive)
        try:
            with watcher, contextlib.closing(await self._ask(exchange, call, headers, limit)) as answer:
                await self._pass_on(exchange, answer, send)
        except asyncio.CancelledError:
            if not watcher.gone:
                raise
            raise ClientGoneError from None

    async def _ask(self, exchange: Exchange, call: Call, headers: Headers, limit: asyncio.Timeout) -> Answer:
        """Return a good answer, with its start already here: at once, or when a replica has been started for it."""
        until: float | None = None
        while True:
            answer = await self._try_all(exchange, call, headers)
            if isinstance(answer, Answer):
                return answer
            backend, hold = answer
            clock = asyncio.get_running_loop().time
            began, ends = clock(), limit.when()
            until = until or began + hold.seconds
            # The time for an answer is not used up by waiting for somebody to give it.
            limit.reschedule(None)
            try:
                await self._holding.wait(backend, hold, until)
            finally:
                limit.reschedule(None if ends is None else ends + clock() - began)

    async def _try_all(self, exchange: Exchange, call: Call, headers: Headers) -> Answer | tuple[Backend, Hold]:
        """Return the first good answer among the route's backends, or the one to wait for.

        Raises:
            ApiError: There is neither.
        """
        asleep: tuple[Backend, Hold] | None = None
        sent = {"Content-Type": "application/json", "X-Request-Id": exchange.request_id}
        sent |= {name.decode(): headers[name].decode("latin-1") for name in TRACE_HEADERS if name in headers}
        error = ApiError(503, f"Route '{call.model}' has no backend.", "no_backend")
        for backend, model in self._routes.candidates(call.model):
            exchange.backend, exchange.model = backend.name, model
            try:
                answer = await self._upstream.post(backend, UPSTREAM_PATH, call.body_for(model), sent)
                with contextlib.ExitStack() as stack:
                    stack.callback(answer.close)
                    await answer.begin()
                    refusal = self._refusal(backend, answer)
                    if refusal is None:
                        stack.pop_all()
                        return answer
                    error = refusal
                    self._failed(exchange, backend, f"status_{answer.status}")
            except UpstreamError as failure:
                self._failed(exchange, backend, failure.reason, failure.detail)
                error = _unreachable(backend, failure)
                if backend.hold is not None and failure.reason in ASLEEP:
                    asleep = asleep or (backend, backend.hold)
        if asleep is None:
            raise error
        return asleep

    def _refusal(self, backend: Backend, answer: Answer) -> ApiError | None:
        """Return the error for an answer that says more about the backend than about the request."""
        status = answer.status
        if status in (401, 403):
            return ApiError(502, f"Backend '{backend.name}' refuses the gateway's API key.", "upstream_refused_key")
        if status >= 500:
            said = self._words(backend, answer.start)
            message = f"Backend '{backend.name}' answered {status}{said}"
            return ApiError(status if status in (503, 504) else 502, message, "upstream_error")
        if 300 <= status < 400 or (status >= 400 and not answer.complete):
            return ApiError(502, f"Backend '{backend.name}' gave an unusable answer ({status}).", "upstream_error")
        return None

    def _words(self, backend: Backend, body: bytes) -> str:
        try:
            words = msgspec.json.decode(self._upstream.redact(backend.name, body), type=_UpstreamMessage).error.message
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return "."
        return f": {words[:MESSAGE_CHARACTERS]}"

    async def _pass_on(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        exchange.status, exchange.streamed = answer.status, answer.streams
        headers = [*answer.headers(), *exchange.headers()]
        if answer.complete:
            body = answer.start
            if answer.status < 400:
                exchange.usage = from_body(body)
            elif exchange.backend is not None:
                body = self._upstream.redact(exchange.backend, body)
            exchange.answered()
            await start_stream(send, answer.status, [*headers, (b"content-length", str(len(body)).encode())])
            await send_piece(send, body, last=True)
            return
        exchange.answered()
        await start_stream(send, answer.status, headers)
        await self._pass_on_pieces(exchange, answer, send)

    async def _pass_on_pieces(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        """Pass on a stream line by line: if it breaks off, an error event can follow what was sent."""
        tail = StreamTail()
        held = b""
        try:
            async for piece in answer.pieces():
                tail.add(piece)
                if answer.streams and not piece.endswith(b"\n") and len(held) < MAX_LINE_BYTES:
                    end = piece.rfind(b"\n") + 1
                    whole, held = (held + piece[:end], piece[end:]) if end else (b"", held + piece)
                else:
                    whole, held = held + piece, b""
                if whole:
                    await send_piece(send, whole)
            await send_piece(send, held, last=True)
        except UpstreamError as failure:
            name = exchange.backend or ""
            self._metrics.upstream_errors.labels(name, failure.reason).inc()
            error = ApiError(502, f"Backend '{name}' {failure.detail}.", "upstream_broke_off")
            await self._break_off(exchange, error, failure.reason, send)
        finally:
            exchange.usage = tail.usage()

    async def _break_off(self, exchange: Exchange, error: ApiError, reason: str, send: Send) -> None:
        """End an answer with an error, as well as what was sent before allows."""
        exchange.error = reason
        if exchange.first_byte is None:
            raise error
        if not exchange.streamed:
            raise BrokenAnswerError
        await send_piece(send, b"\ndata: " + error.body() + b"\n\n", last=True)

    def _failed(self, exchange: Exchange, backend: Backend, reason: str, detail: str = "") -> None:
        exchange.failures.append(f"{backend.name}:{reason}")
        self._metrics.upstream_errors.labels(backend.name, reason).inc()
        if reason in ("connect", "timeout", "tls"):
            self._health.failed(backend.name, detail)


def _unreachable(backend: Backend, failure: UpstreamError) -> ApiError:
    status = 504 if failure.reason == "timeout" else 502
    return ApiError(status, f"Backend '{backend.name}' {failure.detail}.", f"upstream_{failure.reason}")
