"""The gateway's ASGI application: finds who answers, and turns every outcome into an answer and a record."""

import asyncio
from collections.abc import Sequence

import msgspec

from plinth_runtime import names
from plinth_runtime.asgi import Headers, Receive, Scope, Send, respond, respond_error
from plinth_runtime.errors import ApiError, ClientGoneError, model_not_found, unknown_path, wrong_method
from plinth_runtime.gateway.chat import BrokenAnswerError, Chat
from plinth_runtime.gateway.exchange import CLIENT_GONE, Exchange
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.ops import PATHS, Ops
from plinth_runtime.gateway.routing import Routes
from plinth_runtime.logs import Log
from plinth_runtime.server import Drain

_MODEL_PREFIX = f"{names.MODELS_PATH}/"


class GatewayApp:
    """The API. Probes and metrics are `ops`, here too unless they have a port of their own."""

    def __init__(
        self, chat: Chat, keys: KeyRing, routes: Routes, metrics: Metrics, log: Log, drain: Drain, ops: Ops | None
    ) -> None:
        self._chat = chat
        self._keys = keys
        self._routes = routes
        self._metrics = metrics
        self._log = log
        self._drain = drain
        self._ops = ops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._ops is not None and scope["path"] in PATHS:
            await self._ops(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        exchange = Exchange.begin(headers)
        self._drain.enter()
        self._metrics.in_flight.inc()
        try:
            await self._answer(exchange, scope, headers, receive, send)
        finally:
            self._metrics.in_flight.dec()
            self._drain.leave()
            exchange.record(self._metrics, self._log)

    async def _answer(self, exchange: Exchange, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        try:
            await self._dispatch(exchange, scope, headers, receive, send)
        except ApiError as error:
            await self._refuse(exchange, error, send)
        except ClientGoneError:
            exchange.status, exchange.error = CLIENT_GONE, "client_gone"
        except BrokenAnswerError:
            pass  # returning without an end makes the server close the connection
        except asyncio.CancelledError:
            exchange.error = "shutdown"
            raise
        except Exception as error:  # noqa: BLE001 - the last line: a bug must become a 500 and a log line, not a hang
            self._log.crash("bug", error, request_id=exchange.request_id)
            exchange.error = "bug"
            if exchange.first_byte is None:
                message = f"The gateway failed on this request; its log has more under {exchange.request_id}."
                await self._refuse(exchange, ApiError(500, message, "internal_error"), send)

    async def _dispatch(self, exchange: Exchange, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == names.CHAT_COMPLETIONS_PATH:
            _only("POST", method, path)
            await self._chat(exchange, headers, receive, send)
        elif path == names.MODELS_PATH or path.startswith(_MODEL_PREFIX):
            _only("GET", method, path)
            await self._models(exchange, path, headers, send)
        else:
            raise unknown_path(method, path)

    async def _models(self, exchange: Exchange, path: str, headers: Headers, send: Send) -> None:
        key = self._keys.authenticate(headers)
        exchange.tenant, exchange.key_id = key.tenant, key.id
        names_allowed = self._routes.allowed(key.tenant)
        if path == names.MODELS_PATH:
            body: object = {"object": "list", "data": _models(names_allowed)}
        else:
            wanted = path.removeprefix(_MODEL_PREFIX)
            if wanted not in names_allowed:
                raise model_not_found(wanted)
            body = _models([wanted])[0]
        exchange.status = 200
        exchange.answered()
        await respond(send, 200, msgspec.json.encode(body), exchange.headers())

    async def _refuse(self, exchange: Exchange, error: ApiError, send: Send) -> None:
        exchange.status = error.status
        exchange.error = exchange.error or error.code or error.kind
        exchange.answered()
        retry = [] if error.retry_after is None else [(b"retry-after", str(error.retry_after).encode())]
        await respond_error(send, error, [*exchange.headers(), *retry])


def _only(allowed: str, method: str, path: str) -> None:
    if method != allowed:
        raise wrong_method(method, path, allowed)


def _models(routes: Sequence[str]) -> list[dict[str, object]]:
    return [{"id": name, "object": "model", "created": 0, "owned_by": names.GATEWAY_OWNER} for name in routes]
