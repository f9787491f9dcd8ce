"""One request and its answer: what logs and metrics say about it."""

import itertools
import re
import secrets
import time
from dataclasses import dataclass, field

from plinth_runtime import names
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.requestlog import Line, RequestLog, now
from plinth_runtime.gateway.routing.tables import Tables
from plinth_runtime.gateway.usage import Usage

CLIENT_GONE = 499
"""Status in logs and metrics for a client that left (nginx's number); nobody receives it."""

_PROCESS = secrets.token_hex(8)
_number = itertools.count(secrets.randbits(48))
"""Request ids: a random part for each process, and a number. Unique, not secret."""
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_ID_HEADER = names.REQUEST_ID_HEADER.encode()
_ID_LINE = b"%b: %%b\r\n" % _ID_HEADER
_BACKEND_LINE = b"%b: %%b\r\n" % names.BACKEND_HEADER.encode()


@dataclass(slots=True)
class Exchange:
    """Filled in as a request is worked on, then recorded once."""

    request_id: str
    tables: Tables
    """The configuration that the request began under, and ends under."""
    tenant: str | None = None
    key_id: str | None = None
    route: str | None = None
    backend: str | None = None
    model: str | None = None
    status: int = 0
    streamed: bool = False
    error: str | None = None
    usage: Usage | None = None
    data_class: str | None = None
    decision: bytes | None = None
    """Header line with the decision, where the tenant may see it."""
    failures: list[str] = field(default_factory=list[str])
    first_byte: float | None = None
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(cls, headers: dict[bytes, bytes], tables: Tables) -> "Exchange":
        """Start the clock. A client's own request id is kept when it is harmless."""
        given = headers.get(_ID_HEADER, b"")
        return cls(given.decode() if given and _ID.fullmatch(given) else f"{_PROCESS}{next(_number):016x}", tables)

    def lines(self) -> bytes:
        """Return the header lines that the gateway adds to the answer."""
        added = _ID_LINE % self.request_id.encode()
        if self.backend is not None:
            added += _BACKEND_LINE % self.backend.encode()
        return added + self.decision if self.decision else added

    def answered(self) -> None:
        """Take note that the answer's first byte is about to go out."""
        if self.first_byte is None:
            self.first_byte = time.perf_counter() - self.started

    def record(self, metrics: Metrics, log: RequestLog) -> None:
        """Count and log."""
        seconds = time.perf_counter() - self.started
        who = (self.tenant or names.NONE, self.route or names.NONE, self.backend or names.NONE)
        metrics.traffic.count(who, self.status, seconds, self.first_byte)
        usage = self.usage
        if usage is not None or (self.status == 200 and self.backend is not None):
            metrics.traffic.count_tokens(who, usage)
        log.add(
            Line(
                now(),
                "info",
                "request",
                log.environment,
                self.request_id,
                self.status,
                self.streamed,
                round(seconds * 1000, 1),
                self.tenant,
                self.key_id,
                self.tables.tenants[self.tenant].access.trace_project if self.tenant is not None else None,
                self.route,
                self.backend,
                self.model,
                self.error,
                self.failures or None,
                self.data_class,
                None if self.first_byte is None else round(self.first_byte * 1000, 1),
                usage.prompt_tokens if usage else None,
                usage.completion_tokens if usage else None,
            )
        )
