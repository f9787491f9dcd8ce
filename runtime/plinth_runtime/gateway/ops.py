"""What the platform asks a gateway: is it alive, may it get requests, what did it count, what does it run with."""

from collections.abc import Callable

import msgspec

from plinth_runtime import names
from plinth_runtime.errors import ApiError, unknown_path, wrong_method
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.wire.request import ServerRequest
from plinth_runtime.server import Drain

PATHS = frozenset({names.HEALTH_PATH, names.READY_PATH, names.METRICS_PATH, names.STATUS_PATH})

JSON_LINE = b"content-type: application/json\r\n"


class Ops:
    """Answers probes and scrapes. Needs no API key; the network policy decides who reaches it."""

    def __init__(self, health: Health, metrics: Metrics, drain: Drain, status: Callable[[], dict[str, object]]) -> None:
        """`status` tells what the gateway runs with."""
        self._health = health
        self._metrics = metrics
        self._drain = drain
        self._status = status

    def admit(self, request: ServerRequest) -> ApiError | None:
        """Let everything in."""
        return None

    def refused(self, request: ServerRequest, error: ApiError) -> None:
        """Answer a request whose body is too large."""
        request.refuse(error)

    async def answer(self, request: ServerRequest) -> None:
        """Answer one request."""
        path, method = request.path, request.method
        if path not in PATHS:
            request.refuse(unknown_path(method, path))
        elif method not in ("GET", "HEAD"):
            request.refuse(wrong_method(method, path, "GET"), b"allow: GET, HEAD\r\n")
        elif path == names.METRICS_PATH:
            kind, text = self._metrics.text()
            request.send(200, b"content-type: %b\r\n" % kind, text)
        elif path == names.READY_PATH:
            ready, report = self._health.report(draining=self._drain.draining)
            request.send(200 if ready else 503, JSON_LINE, msgspec.json.encode(report))
        elif path == names.STATUS_PATH:
            request.send(200, JSON_LINE, msgspec.json.encode(self._status()))
        else:
            request.send(200, JSON_LINE, b'{"status":"alive"}')
