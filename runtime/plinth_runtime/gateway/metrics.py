"""The gateway's Prometheus metrics. Labels take values from the configuration only, so their number is bounded."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from plinth_runtime import __version__, names

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bounds of the latency histograms, in seconds: from a cached answer to a long stream."""


class Metrics:
    """All metrics of one gateway."""

    def __init__(self, environment: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        who = [names.TENANT_LABEL, names.ROUTE_LABEL, names.BACKEND_LABEL]
        self.requests = Counter(
            names.REQUESTS_TOTAL, "Requests answered.", [*who, names.STATUS_LABEL], registry=registry
        )
        self.seconds = Histogram(
            names.REQUEST_SECONDS,
            "Time from a request's head to its answer's last byte, in seconds.",
            [names.ROUTE_LABEL, names.BACKEND_LABEL],
            buckets=SECONDS,
            registry=registry,
        )
        self.first_byte = Histogram(
            names.FIRST_BYTE_SECONDS,
            "Time from a request's head to the first byte of its answer's body, in seconds.",
            [names.ROUTE_LABEL, names.BACKEND_LABEL],
            buckets=SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            names.TOKENS_TOTAL, "Tokens as backends report them.", [*who, names.DIRECTION_LABEL], registry=registry
        )
        self.without_usage = Counter(
            names.WITHOUT_USAGE_TOTAL, "Successful answers whose backend reported no usage.", who, registry=registry
        )
        self.upstream_errors = Counter(
            names.UPSTREAM_ERRORS_TOTAL,
            "Failures of backends, also those that another backend made good.",
            [names.BACKEND_LABEL, names.REASON_LABEL],
            registry=registry,
        )
        self.in_flight = Gauge(names.IN_FLIGHT, "Requests being answered.", registry=registry)
        self.backend_up = Gauge(
            names.BACKEND_UP, "1 where the last probe was answered.", [names.BACKEND_LABEL], registry=registry
        )
        self.held = Gauge(
            names.HELD_REQUESTS,
            "Requests that wait for a backend without a replica.",
            [names.BACKEND_LABEL],
            registry=registry,
        )
        self.hold_refusals = Counter(
            names.HOLD_REFUSALS_TOTAL,
            "Requests that did not get to wait, or waited in vain.",
            [names.BACKEND_LABEL, names.REASON_LABEL],
            registry=registry,
        )
        build = [names.VERSION_LABEL, names.ENVIRONMENT_LABEL]
        Gauge(names.BUILD_INFO, "Version that runs.", build, registry=registry).labels(__version__, environment).set(1)

    def text(self) -> tuple[bytes, bytes]:
        """Return (content type, body) of the exposition."""
        return CONTENT_TYPE_PLAIN_0_0_4.encode(), generate_latest(self.registry)
