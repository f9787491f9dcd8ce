"""The development model's ASGI application."""

import asyncio

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from plinth_runtime import names
from plinth_runtime.asgi import (
    EVENT_STREAM,
    Receive,
    Scope,
    Send,
    Watcher,
    read_body,
    respond,
    respond_error,
    send_piece,
    start_stream,
)
from plinth_runtime.development.completion import CREATED, Completion, Request, complete, parse
from plinth_runtime.errors import ApiError, ClientGoneError, unknown_path, wrong_method
from plinth_runtime.logs import Log
from plinth_runtime.server import Drain

MAX_BODY_BYTES = 64 * 1024 * 1024
ALLOWED = {
    names.CHAT_COMPLETIONS_PATH: "POST",
    names.MODELS_PATH: "GET",
    "/health": "GET",
    names.HEALTH_PATH: "GET",
    names.READY_PATH: "GET",
    names.METRICS_PATH: "GET",
}
"""Served paths and their methods; `/health` as in vLLM, and the probes as in the gateway."""


class _Metrics:
    def __init__(self, model: str) -> None:
        self.registry = registry = CollectorRegistry()
        label = [names.VLLM_MODEL_LABEL]
        self.running = Gauge(names.VLLM_RUNNING, "Requests being answered.", label, registry=registry).labels(model)
        waiting = Gauge(names.VLLM_WAITING, "Requests in a queue; there is none here.", label, registry=registry)
        waiting.labels(model).set(0)
        self.prompt = Counter(names.VLLM_PROMPT_TOKENS, "Tokens read.", label, registry=registry).labels(model)
        self.generated = Counter(names.VLLM_GENERATION_TOKENS, "Tokens made.", label, registry=registry).labels(model)
        self.success = Counter(
            names.VLLM_REQUEST_SUCCESS, "Requests finished.", [*label, "finished_reason"], registry=registry
        )


class DevelopmentApp:
    """Answers for one model. `tokens_per_second` 0 is as fast as possible."""

    def __init__(self, model: str, tokens_per_second: float, drain: Drain, log: Log) -> None:
        self._model = model
        self._rate = tokens_per_second
        self._drain = drain
        self._log = log
        self._metrics = _Metrics(model)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        self._drain.enter()
        try:
            if path not in ALLOWED:
                raise unknown_path(method, path)
            if method != ALLOWED[path]:
                raise wrong_method(method, path, ALLOWED[path])
            await self._dispatch(path, scope, receive, send)
        except ApiError as error:
            await respond_error(send, error)
        except ClientGoneError:
            self._log.info("client_gone")
        finally:
            self._drain.leave()

    async def _dispatch(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path == names.CHAT_COMPLETIONS_PATH:
            body = await read_body(dict(scope["headers"]), receive, MAX_BODY_BYTES)
            await self._chat(body, receive, send)
        elif path == names.MODELS_PATH:
            owner = names.DEVELOPMENT_OWNER
            data = [{"id": self._model, "object": "model", "created": CREATED, "owned_by": owner}]
            await respond(send, 200, msgspec.json.encode({"object": "list", "data": data}))
        elif path == names.METRICS_PATH:
            kind = CONTENT_TYPE_PLAIN_0_0_4.encode()
            await respond(send, 200, generate_latest(self._metrics.registry), content_type=kind)
        elif path == names.READY_PATH and self._drain.draining:
            await respond(send, 503, b'{"status":"draining"}')
        else:
            await respond(send, 200, b'{"status":"healthy"}')

    async def _chat(self, body: bytes, receive: Receive, send: Send) -> None:
        request = parse(body, self._model)
        completion = complete(request, body)
        self._metrics.running.inc()
        watcher = Watcher(receive)
        try:
            with watcher:
                if request.stream:
                    await self._stream(request, completion, send)
                else:
                    await self._pace(len(completion.tokens), asyncio.get_running_loop().time())
                    await respond(send, 200, msgspec.json.encode(completion.whole()))
        except asyncio.CancelledError:
            if watcher.gone:
                raise ClientGoneError from None
            raise
        finally:
            self._metrics.running.dec()
        self._metrics.prompt.inc(completion.prompt_tokens)
        self._metrics.generated.inc(len(completion.tokens))
        self._metrics.success.labels(self._model, completion.finish_reason).inc()

    async def _stream(self, request: Request, completion: Completion, send: Send) -> None:
        began = asyncio.get_running_loop().time()
        await start_stream(send, 200, [(b"content-type", EVENT_STREAM), (b"cache-control", b"no-cache")])
        with_usage = request.stream_options is not None and bool(request.stream_options.include_usage)
        for number, chunk in enumerate(completion.chunks(with_usage=with_usage)):
            if number <= len(completion.tokens):
                await self._pace(number, began)
            await send_piece(send, b"data: " + msgspec.json.encode(chunk) + b"\n\n")
        await send_piece(send, b"data: [DONE]\n\n", last=True)

    async def _pace(self, made: int, began: float) -> None:
        """Wait until `made` tokens are due, counted from the beginning so that delays do not add up."""
        if self._rate:
            late = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, made / self._rate - late))
