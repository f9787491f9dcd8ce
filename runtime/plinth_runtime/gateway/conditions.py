"""How each model at each backend is doing: what it works on, how soon it answers, and whether to leave it alone."""

import math
import statistics
from collections.abc import Iterable, Sequence

from plinth_runtime.gateway.config import Breaker

HALF_LIFE = 10.0
"""Age at which a success, a failure or a latency counts half, in seconds."""

LEAST_REQUESTS = 20.0
"""Requests of late below which their share of failures says nothing."""

OUTLIER_FACTOR = 5.0
"""How many times slower than the median of the others makes a target an outlier."""

OUTLIER_SECONDS = 1.0
"""Latency below which nobody is an outlier, in seconds."""

EJECTED_SECONDS = 10.0
"""How long an outlier is asked last, in seconds."""

PROBE_SECONDS = 1.0
"""A try that has lasted so long, in seconds, without failing no longer keeps others waiting."""

MOST_COOL_SECONDS = 60.0
"""Longest time that a Retry-After is heeded, in seconds."""


class Condition:
    """One model at one backend. Times are the event loop's, handed in by the caller."""

    __slots__ = (
        "_failed",
        "_rated",
        "_succeeded",
        "breaker",
        "cool_until",
        "ejected_until",
        "failures",
        "in_flight",
        "latency",
        "measured",
        "open_for",
        "open_until",
        "probing",
    )

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.in_flight = 0
        self.latency = 0.0
        """Seconds to the first byte, of late: rises at once, falls slowly (peak-sensitive)."""
        self.measured = 0.0
        self.failures = 0
        self.open_for = 0.0
        """How long the breaker is open, in seconds; 0 while it is closed."""
        self.open_until = 0.0
        self.probing = -math.inf
        """When a request set out to try it while the breaker was open."""
        self.cool_until = 0.0
        self.ejected_until = 0.0
        self._succeeded = 0.0
        self._failed = 0.0
        self._rated = 0.0

    @property
    def open(self) -> bool:
        """Whether the breaker is open (or half open: a single request tries it)."""
        return self.open_for > 0

    def usable(self, now: float) -> bool:
        """Whether it is worth asking first."""
        if self.open_for and not self.admits(now):
            return False
        return now >= self.cool_until and now >= self.ejected_until

    def admits(self, now: float) -> bool:
        """Whether it may be asked at all: an open breaker lets one request through when its time is up."""
        return not self.open_for or (now >= self.open_until and now - self.probing > PROBE_SECONDS)

    def begin(self, now: float) -> None:
        """A request goes out."""
        self.in_flight += 1
        if self.open_for:
            self.probing = now

    def end(self) -> None:
        """It is over, one way or another."""
        self.in_flight -= 1

    def succeeded(self, now: float, seconds: float) -> None:
        """It gave a first byte after `seconds`."""
        self._rate(now)
        self._succeeded += 1
        self.failures = 0
        self.open_for = 0.0
        if seconds >= self.latency:
            self.latency = seconds
        else:
            kept = math.exp2(-(now - self.measured) / HALF_LIFE) * 0.9
            self.latency = seconds + (self.latency - seconds) * kept
        self.measured = now

    def failed(self, now: float) -> None:
        """It failed, in a way that says more about it than about the request."""
        self._rate(now)
        self._failed += 1
        self.failures += 1
        breaker = self.breaker
        total = self._failed + self._succeeded
        many = total >= LEAST_REQUESTS and self._failed / total >= breaker.share
        if self.open_for:
            self.open_for = min(self.open_for * 2, breaker.most_seconds)
            self.open_until = now + self.open_for
            self.probing = -math.inf
        elif many or self.failures >= breaker.failures:
            self.open_for = breaker.open_seconds
            self.open_until = now + self.open_for

    def cool(self, until: float) -> None:
        """It asked to be left alone until then (Retry-After)."""
        self.cool_until = max(self.cool_until, until)

    def revive(self) -> None:
        """Its backend, which could not be reached, has answered a probe: that was the try."""
        self.open_for = 0.0
        self.failures = 0
        self._failed = 0.0

    def _rate(self, now: float) -> None:
        kept = math.exp2(-(now - self._rated) / HALF_LIFE)
        self._succeeded *= kept
        self._failed *= kept
        self._rated = now


class Conditions:
    """All conditions of a gateway. They outlive a configuration, as long as backend and model stay."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Condition] = {}
        self._breaker = Breaker()

    def of(self, key: tuple[str, str]) -> Condition:
        """Return the condition of a model at a backend."""
        found = self.all.get(key)
        if found is None:  # of a request that began under an older configuration
            found = self.all[key] = Condition(self._breaker)
        return found

    def replace(self, keys: Iterable[tuple[str, str]], breaker: Breaker) -> None:
        """Keep what is still configured, and begin what is new."""
        known, self._breaker = self.all, breaker
        self.all = {key: known.get(key) or Condition(breaker) for key in keys}
        for condition in self.all.values():
            condition.breaker = breaker

    def revive(self, backend: str) -> None:
        """A backend is up again."""
        for key, condition in self.all.items():
            if key[0] == backend:
                condition.revive()

    def eject(self, routes: Iterable[Sequence[tuple[str, str]]], now: float) -> None:
        """Ask last, for a while, those that answer far later than the others of their route; called every second."""
        for keys in routes:
            known = {key: condition.latency for key in keys if (condition := self.of(key)).latency}
            for key in outliers(known):
                condition = self.all[key]
                condition.ejected_until = now + EJECTED_SECONDS
                condition.latency = 0.0  # measured afresh when it is asked again


def outliers(latencies: dict[tuple[str, str], float]) -> list[tuple[str, str]]:
    """Those far slower than the median of the others; never half of them or more."""
    if len(latencies) < 3:
        return []
    found = [
        key
        for key, latency in latencies.items()
        if latency > OUTLIER_SECONDS
        and latency > OUTLIER_FACTOR * statistics.median(other for name, other in latencies.items() if name != key)
    ]
    return found if len(found) * 2 < len(latencies) else []


class RetryBudget:
    """Retries that may be spent: a share of the requests of late, and a few a second anyway."""

    def __init__(self, share: float, least_per_second: float) -> None:
        self._share, self._least = share, least_per_second
        self._tokens = most = max(least_per_second, 1.0)
        self._most = most * HALF_LIFE
        self._filled = 0.0

    def request(self) -> None:
        """A request came in."""
        self._tokens = min(self._tokens + self._share, self._most)

    def spend(self, now: float) -> bool:
        """Take a retry out of the budget; False when it is used up."""
        if self._filled:
            self._tokens = min(self._tokens + (now - self._filled) * self._least, self._most)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
