"""The data path: a request for a model is decided on, forwarded, passed back as it arrives, and metered."""

import asyncio

from plinth_runtime.errors import ApiError, timed_out
from plinth_runtime.gateway.attempts import Attempts
from plinth_runtime.gateway.call import Call
from plinth_runtime.gateway.conditions import Conditions
from plinth_runtime.gateway.config import DATA_CLASSES
from plinth_runtime.gateway.deadline import Deadline, seconds_for
from plinth_runtime.gateway.exchange import Exchange
from plinth_runtime.gateway.flow import Flow, Hit
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.paths import Endpoint
from plinth_runtime.gateway.relay import Relay, Streams
from plinth_runtime.gateway.resume import Continuation
from plinth_runtime.gateway.routing import facts
from plinth_runtime.gateway.routing.decide import Facts
from plinth_runtime.gateway.upstream import FORWARDED, Answer, Upstream, UpstreamError
from plinth_runtime.gateway.usage import from_body
from plinth_runtime.gateway.wire.request import ServerRequest

TRACE_HEADERS = (b"traceparent", b"tracestate")
"""W3C trace context, the only headers of a client that backends get."""


class BrokenAnswerError(Exception):
    """A plain answer broke off after its head was sent: only closing the connection can tell the client."""


class DataPath:
    """Answers requests for models."""

    def __init__(
        self, upstream: Upstream, attempts: Attempts, conditions: Conditions, metrics: Metrics, streams: Streams
    ) -> None:
        self._upstream = upstream
        self._attempts = attempts
        self._conditions = conditions
        self._metrics = metrics
        self._streams = streams
        self._time = asyncio.get_running_loop().time

    async def __call__(self, request: ServerRequest, exchange: Exchange, endpoint: Endpoint) -> None:
        """Answer one request.

        Raises:
            ApiError: It is refused or failed, and nothing was sent yet.
            BrokenAnswerError: The answer broke off after its start.
        """
        config = exchange.tables.config.gateway
        seconds = seconds_for(request.headers, config.request_timeout_seconds)
        deadline = Deadline(self._upstream.wheel, self._time(), seconds)
        try:
            flow = self._flow(request, exchange, endpoint, deadline)
            request.body = b""  # the call has it
            hit = await self._attempts.first(flow)
            try:
                await self._pass_on(flow, hit)
            finally:
                hit.condition.end()
                hit.answer.close()
        except asyncio.CancelledError:
            if not deadline.expired or request.gone:
                raise
            self._expired(request, exchange, deadline)
        finally:
            deadline.cancel()

    def _flow(self, request: ServerRequest, exchange: Exchange, endpoint: Endpoint, deadline: Deadline) -> Flow:
        """Look at a request, as closely as its route needs."""
        call = Call(request.body)
        tables, tenant = exchange.tables, exchange.tenant or ""
        table = tables.route(tenant, call.model)
        exchange.route = call.model
        level, place = facts.class_and_place(table, tables.tenants[tenant], request.headers)
        if level:
            exchange.data_class = DATA_CLASSES[level]
        known = facts.read(call.fields, level, place, tenant) if table.reads else Facts(level, place)
        lines = b"Content-Type: application/json\r\nX-Request-Id: %b\r\n" % exchange.request_id.encode()
        for name in TRACE_HEADERS:
            if (value := request.headers.get(name)) is not None:
                lines += b"%b: %b\r\n" % (name, value)
        conditions = [self._conditions.of(candidate.key) for candidate in table.candidates]
        return Flow(request, exchange, call, table, known, conditions, endpoint.upstream or "", lines, deadline)

    async def _pass_on(self, flow: Flow, hit: Hit) -> None:
        request, exchange, answer = flow.request, flow.exchange, hit.answer
        exchange.backend, exchange.model = hit.candidate.backend.name, hit.model
        exchange.status, exchange.streamed = answer.status, answer.streams
        lines = _forwarded(answer) + exchange.lines()
        exchange.answered()
        if answer.complete and not answer.streams:
            body = answer.start
            if answer.status < 400:
                exchange.usage = from_body(body)
            else:
                body = self._upstream.redact(hit.candidate.backend.name, body)
            request.send(answer.status, lines, body)
            return
        request.start(answer.status, lines, None if answer.streams else answer.header(b"content-length"))
        await self._stream(flow, hit)

    async def _stream(self, flow: Flow, hit: Hit) -> None:
        route = flow.table.route
        resumes = route.resume and hit.answer.streams
        relay = Relay(flow.request, streams=hit.answer.streams, keep=resumes)
        self._streams.add(relay, route.stall_seconds)
        try:
            await relay.run(hit.answer)
            flow.request.end()
        except UpstreamError as failure:
            self._broke(flow, hit, failure)
            if resumes and await self._go_on(flow, hit, relay):
                flow.request.end()
                return
            error = ApiError(502, f"Backend '{hit.candidate.backend.name}' {failure.detail}.", "upstream_broke_off")
            self._break_off(flow.request, flow.exchange, error, failure.reason)
        finally:
            self._streams.remove(relay)
            flow.exchange.usage = relay.tail.usage()

    async def _go_on(self, flow: Flow, broken: Hit, relay: Relay) -> bool:
        """Continue a stream that broke off with other targets; False where that cannot be done."""
        skip = {broken.index}
        while (continued := Continuation.of(flow.call, relay.sent or [])) is not None:
            hit = await self._attempts.continuation(flow, continued.body_for, skip)
            if hit is None:
                return False
            self._metrics.resumed.labels(flow.table.route.name).inc()
            relay.change = continued.rewrite
            try:
                await relay.run(hit.answer)
            except UpstreamError as failure:
                self._broke(flow, hit, failure)
            else:
                return True
            finally:
                hit.condition.end()
                hit.answer.close()
        return False

    def _broke(self, flow: Flow, hit: Hit, failure: UpstreamError) -> None:
        name = hit.candidate.backend.name
        hit.condition.failed(self._time())
        flow.exchange.failures.append(f"{name}:{failure.reason}")
        self._metrics.upstream_errors.labels(name, failure.reason).inc()

    def _expired(self, request: ServerRequest, exchange: Exchange, deadline: Deadline) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        self._break_off(request, exchange, timed_out(deadline.seconds, exchange.backend), "timeout")

    def _break_off(self, request: ServerRequest, exchange: Exchange, error: ApiError, reason: str) -> None:
        """End an answer with an error, as well as what was sent before allows."""
        exchange.error = reason
        if exchange.first_byte is None:
            raise error
        if not exchange.streamed:
            raise BrokenAnswerError
        request.write(b"\ndata: " + error.body() + b"\n\n")
        request.end()


def _forwarded(answer: Answer) -> bytes:
    """Return those header lines that are for the client."""
    return b"".join([b"%b: %b\r\n" % header for header in answer.headers if header[0] in FORWARDED])
