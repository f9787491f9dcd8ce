"""One request and its answer: what logs and metrics say about it."""

import re
import secrets
import time
from dataclasses import dataclass, field

from plinth_runtime import names
from plinth_runtime.asgi import Header, Headers
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.usage import Usage
from plinth_runtime.logs import Log

CLIENT_GONE = 499
"""Status in logs and metrics for a client that left (nginx's number); nobody receives it."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class Exchange:
    """Filled in as a request is worked on, then recorded once."""

    request_id: str
    tenant: str | None = None
    key_id: str | None = None
    trace_project: str | None = None
    route: str | None = None
    backend: str | None = None
    model: str | None = None
    status: int = 0
    streamed: bool = False
    error: str | None = None
    usage: Usage | None = None
    failures: list[str] = field(default_factory=list[str])
    first_byte: float | None = None
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(cls, headers: Headers) -> "Exchange":
        """Start the clock. A client's own request id is kept when it is harmless."""
        given = headers.get(names.REQUEST_ID_HEADER.encode(), b"")
        return cls(given.decode() if _ID.fullmatch(given) else secrets.token_hex(16))

    def headers(self) -> list[Header]:
        """Return what the gateway adds to the answer."""
        added = [(names.REQUEST_ID_HEADER.encode(), self.request_id.encode())]
        if self.backend is not None:
            added.append((names.BACKEND_HEADER.encode(), self.backend.encode()))
        return added

    def answered(self) -> None:
        """Take note that the answer's first byte is about to go out."""
        if self.first_byte is None:
            self.first_byte = time.perf_counter() - self.started

    def record(self, metrics: Metrics, log: Log) -> None:
        """Count and log."""
        seconds = time.perf_counter() - self.started
        route, backend = self.route or names.NONE, self.backend or names.NONE
        who = (self.tenant or names.NONE, route, backend)
        metrics.requests.labels(*who, str(self.status)).inc()
        metrics.seconds.labels(route, backend).observe(seconds)
        if self.first_byte is not None:
            metrics.first_byte.labels(route, backend).observe(self.first_byte)
        if self.usage is not None:
            metrics.tokens.labels(*who, names.TOKENS_IN).inc(self.usage.prompt_tokens)
            metrics.tokens.labels(*who, names.TOKENS_OUT).inc(self.usage.completion_tokens)
        elif self.status == 200 and self.backend is not None:
            metrics.without_usage.labels(*who).inc()
        log.info(
            "request",
            request_id=self.request_id,
            tenant=self.tenant,
            key=self.key_id,
            trace_project=self.trace_project,
            route=self.route,
            backend=self.backend,
            model=self.model,
            status=self.status,
            streamed=self.streamed,
            error=self.error,
            failures=self.failures or None,
            milliseconds=round(seconds * 1000, 1),
            first_byte_milliseconds=None if self.first_byte is None else round(self.first_byte * 1000, 1),
            tokens_in=self.usage.prompt_tokens if self.usage else None,
            tokens_out=self.usage.completion_tokens if self.usage else None,
        )
