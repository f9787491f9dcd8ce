"""The gateway's Prometheus metrics. Labels take values from the configuration only, so their number is bounded.

What every request counts is kept in plain numbers and becomes metrics when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from plinth_runtime import __version__, names
from plinth_runtime.gateway.usage import Usage

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bounds of the latency histograms, in seconds: from a cached answer to a long stream."""

Who = tuple[str, str, str]
"""Tenant, route and backend."""

_WHO = [names.TENANT_LABEL, names.ROUTE_LABEL, names.BACKEND_LABEL]
_WHERE = [names.ROUTE_LABEL, names.BACKEND_LABEL]


class Series:
    """A histogram."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return upper bounds and cumulated counts."""
        found, sum_ = list[tuple[str, float]](), 0
        for bound, count in zip([*map(str, map(float, SECONDS)), "+Inf"], self.counts, strict=True):
            sum_ += count
            found.append((bound, sum_))
        return found


class Traffic:
    """What requests count."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str, int], int] = {}
        self.seconds: dict[tuple[str, str], Series] = {}
        self.first_byte: dict[tuple[str, str], Series] = {}
        self.tokens: dict[Who, list[int]] = {}
        self.without_usage: dict[Who, int] = {}

    def count(self, who: Who, status: int, seconds: float, first_byte: float | None) -> None:
        """Count a request."""
        key = (*who, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        where = who[1:]
        if (series := self.seconds.get(where)) is None:
            series = self.seconds[where] = Series()
        series.observe(seconds)
        if first_byte is not None:
            if (series := self.first_byte.get(where)) is None:
                series = self.first_byte[where] = Series()
            series.observe(first_byte)

    def count_tokens(self, who: Who, usage: Usage | None) -> None:
        """Count a good answer's tokens, or that they are not known."""
        if usage is None:
            self.without_usage[who] = self.without_usage.get(who, 0) + 1
            return
        if (tokens := self.tokens.get(who)) is None:
            tokens = self.tokens[who] = [0, 0]
        tokens[0] += usage.prompt_tokens
        tokens[1] += usage.completion_tokens

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        requests = CounterMetricFamily(names.REQUESTS_TOTAL, "Requests answered.", labels=[*_WHO, names.STATUS_LABEL])
        for (*who, status), count in self.requests.items():
            requests.add_metric([*who, str(status)], count)
        yield requests
        words = "Time from a request's head to its answer's last byte, in seconds."
        yield self._histogram(names.REQUEST_SECONDS, words, self.seconds)
        words = "Time from a request's head to the first byte of its answer's body, in seconds."
        yield self._histogram(names.FIRST_BYTE_SECONDS, words, self.first_byte)
        tokens = CounterMetricFamily(
            names.TOKENS_TOTAL, "Tokens as backends report them.", labels=[*_WHO, names.DIRECTION_LABEL]
        )
        for who, (read, made) in self.tokens.items():
            tokens.add_metric([*who, names.TOKENS_IN], read)
            tokens.add_metric([*who, names.TOKENS_OUT], made)
        yield tokens
        words = "Successful answers whose backend reported no usage."
        without = CounterMetricFamily(names.WITHOUT_USAGE_TOTAL, words, labels=_WHO)
        for who, count in self.without_usage.items():
            without.add_metric(who, count)
        yield without

    @staticmethod
    def _histogram(name: str, words: str, found: dict[tuple[str, str], Series]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, words, labels=_WHERE)
        for where, series in found.items():
            family.add_metric(list(where), buckets=series.buckets(), sum_value=series.total)
        return family


class Metrics:
    """All metrics of one gateway."""

    def __init__(self, environment: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.traffic = Traffic()
        registry.register(self.traffic)

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(name, words, labels, registry=registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(name, words, labels, registry=registry)

        by_backend = names.BACKEND_LABEL
        words = "Failures of backends, also those that another backend made good."
        self.upstream_errors = counter(names.UPSTREAM_ERRORS_TOTAL, words, by_backend, names.REASON_LABEL)
        self.in_flight = gauge(names.IN_FLIGHT, "Requests being answered.")
        self.backend_up = gauge(names.BACKEND_UP, "1 where the last probe was answered.", by_backend)
        self.held = gauge(names.HELD_REQUESTS, "Requests that wait for a backend without a replica.", by_backend)
        words = "Requests that did not get to wait, or waited in vain."
        self.hold_refusals = counter(names.HOLD_REFUSALS_TOTAL, words, by_backend, names.REASON_LABEL)
        words = "1 where a model of a backend is left alone because it failed."
        self.breaker_open = gauge(names.BREAKER_OPEN, words, by_backend, names.MODEL_LABEL)
        words = "Requests turned away because there was too much to do."
        self.shed = counter(names.SHED_TOTAL, words, names.TENANT_LABEL, names.PRIORITY_LABEL)
        words = "Further attempts, by kind (retry, hedge) and whether the budget allowed them (spent, refused)."
        self.retries = counter(names.RETRIES_TOTAL, words, names.KIND_LABEL, names.RESULT_LABEL)
        words = "Streams that broke off and were continued by another backend."
        self.resumed = counter(names.RESUMED_TOTAL, words, names.ROUTE_LABEL)
        self.connections = gauge(names.UPSTREAM_CONNECTIONS, "Connections to backends.")
        words = "Changes of the configuration, by what became of them (taken, refused)."
        self.reloads = counter(names.CONFIG_RELOADS_TOTAL, words, names.RESULT_LABEL)
        words = "1 while the configuration file holds something that was refused, and an older one is in use."
        self.config_refused = gauge(names.CONFIG_REFUSED, words)
        self.lines_dropped = counter(names.LOG_LINES_DROPPED_TOTAL, "Log lines lost because nobody took them in time.")
        build = gauge(names.BUILD_INFO, "Version that runs.", names.VERSION_LABEL, names.ENVIRONMENT_LABEL)
        build.labels(__version__, environment).set(1)

    def watch(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Ask for a gauge's value when metrics are asked for."""
        gauge.set_function(value)

    def text(self) -> tuple[bytes, bytes]:
        """Return (content type, body) of the exposition."""
        return CONTENT_TYPE_PLAIN_0_0_4.encode(), generate_latest(self.registry)
