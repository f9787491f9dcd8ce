"""What the platform asks a gateway: is it alive, may it get requests, what did it count."""

import msgspec

from plinth_runtime import names
from plinth_runtime.asgi import Receive, Scope, Send, respond, respond_error
from plinth_runtime.errors import unknown_path, wrong_method
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.server import Drain

PATHS = frozenset({names.HEALTH_PATH, names.READY_PATH, names.METRICS_PATH})


class Ops:
    """Answers probes and scrapes. Needs no API key; the network policy decides who reaches it."""

    def __init__(self, health: Health, metrics: Metrics, drain: Drain) -> None:
        self._health = health
        self._metrics = metrics
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        if path not in PATHS:
            await respond_error(send, unknown_path(method, path))
        elif method not in ("GET", "HEAD"):
            await respond_error(send, wrong_method(method, path, "GET"), [(b"allow", b"GET, HEAD")])
        elif path == names.METRICS_PATH:
            kind, text = self._metrics.text()
            await respond(send, 200, text, content_type=kind)
        elif path == names.READY_PATH:
            ready, report = self._health.report(draining=self._drain.draining)
            await respond(send, 200 if ready else 503, msgspec.json.encode(report))
        else:
            await respond(send, 200, b'{"status":"alive"}')
