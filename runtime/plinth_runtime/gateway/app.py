"""The gateway's API: who may ask what, and that every outcome becomes an answer and a record."""

import asyncio

import msgspec

from plinth_runtime import names
from plinth_runtime.errors import ApiError, model_not_found, unknown_path, wrong_method
from plinth_runtime.gateway.datapath import BrokenAnswerError, DataPath
from plinth_runtime.gateway.exchange import CLIENT_GONE, Exchange
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.ops import JSON_LINE, PATHS, Ops
from plinth_runtime.gateway.paths import MODEL_PREFIX, MODELS, find
from plinth_runtime.gateway.requestlog import RequestLog
from plinth_runtime.gateway.routing.tables import Tables
from plinth_runtime.gateway.shedding import Shedding
from plinth_runtime.gateway.wire.request import ServerRequest
from plinth_runtime.logs import Log
from plinth_runtime.server import Drain


class GatewayApp:
    """The API. Probes and metrics are `ops`, here too unless they have a port of their own."""

    def __init__(
        self,
        tables: Tables,
        path: DataPath,
        keys: KeyRing,
        shedding: Shedding,
        metrics: Metrics,
        request_log: RequestLog,
        log: Log,
        drain: Drain,
        ops: Ops | None,
    ) -> None:
        self.tables = tables
        """What requests that begin now are answered with."""
        self._path = path
        self._keys = keys
        self._shedding = shedding
        self._metrics = metrics
        self._request_log = request_log
        self._log = log
        self._drain = drain
        self._ops = ops

    def admit(self, request: ServerRequest) -> ApiError | None:
        """Decide by its head whether a request is served."""
        if (self._ops is not None and request.path in PATHS) or request.method == "OPTIONS":
            return None
        exchange = request.context = Exchange.begin(request.headers, self.tables)
        endpoint = find(request.path)
        if endpoint is None:
            return unknown_path(request.method, request.path)
        if endpoint.method != request.method:
            return wrong_method(request.method, request.path, endpoint.method)
        try:
            key = self._keys.authenticate(request.headers)
            tenant = exchange.tables.tenants.get(key.tenant)
            if tenant is None:
                return model_not_found("")  # the tenant went with a reload; its keys follow within a second
            exchange.tenant, exchange.key_id = key.tenant, key.id
            self._shedding.check(tenant, request.headers, self._drain.in_flight)
        except ApiError as error:
            return error
        return None

    def refused(self, request: ServerRequest, error: ApiError) -> None:
        """Answer a request that is refused, and record it."""
        exchange = request.context
        if exchange is None:
            request.refuse(error)
            return
        self._refuse(request, exchange, error)
        exchange.record(self._metrics, self._request_log)

    async def answer(self, request: ServerRequest) -> None:
        """Answer one request."""
        exchange = request.context
        if exchange is None:
            await self._plain(request)
            return
        self._drain.enter()
        try:
            await self._answer(request, exchange)
        finally:
            self._drain.leave()
            exchange.record(self._metrics, self._request_log)

    async def _plain(self, request: ServerRequest) -> None:
        if request.method == "OPTIONS":
            request.send(204, b"allow: %b\r\n" % _allowed(request.path), b"")
        elif self._ops is not None:
            await self._ops.answer(request)

    async def _answer(self, request: ServerRequest, exchange: Exchange) -> None:
        try:
            endpoint = find(request.path)
            if endpoint is None or endpoint is MODELS:
                self._models(request, exchange)
            else:
                await self._path(request, exchange, endpoint)
        except ApiError as error:
            self._refuse(request, exchange, error)
        except BrokenAnswerError:
            request.abort()
        except asyncio.CancelledError:
            if request.aborted:
                exchange.error = "shutdown"
            else:
                exchange.status, exchange.error = CLIENT_GONE, "client_gone"
            raise
        except Exception as error:  # noqa: BLE001 - the last line: a bug must become a 500 and a log line, not a hang
            self._log.crash("bug", error, request_id=exchange.request_id)
            exchange.error = "bug"
            if request.started:
                request.abort()
            else:
                message = f"The gateway failed on this request; its log has more under {exchange.request_id}."
                self._refuse(request, exchange, ApiError(500, message, "internal_error"))

    def _models(self, request: ServerRequest, exchange: Exchange) -> None:
        allowed = exchange.tables.allowed(exchange.tenant or "")
        if request.path == names.MODELS_PATH:
            body: object = {"object": "list", "data": [_model(name) for name in allowed]}
        else:
            wanted = request.path.removeprefix(MODEL_PREFIX)
            if wanted not in allowed:
                raise model_not_found(wanted)
            body = _model(wanted)
        exchange.status = 200
        exchange.answered()
        request.send(200, JSON_LINE + exchange.lines(), msgspec.json.encode(body))

    def _refuse(self, request: ServerRequest, exchange: Exchange, error: ApiError) -> None:
        exchange.status = error.status
        exchange.error = exchange.error or error.code or error.kind
        exchange.answered()
        lines = exchange.lines()
        if error.status == 405:
            lines += b"allow: %b\r\n" % _allowed(request.path)
        request.refuse(error, lines)


def _allowed(path: str) -> bytes:
    """Methods of a path, for `Allow`."""
    endpoint = find(path)
    if endpoint is None:
        return b"GET, HEAD, OPTIONS" if path in PATHS else b"GET, POST, OPTIONS" if path == "*" else b"OPTIONS"
    return f"{endpoint.method}, OPTIONS".encode()


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": names.GATEWAY_OWNER}
