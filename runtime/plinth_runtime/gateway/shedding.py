"""Turning requests away, the least important ones first, before there is too much to do for all."""

from collections.abc import Mapping

from plinth_runtime import names
from plinth_runtime.errors import ApiError, invalid_request
from plinth_runtime.gateway.config import Priority
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.routing.tables import TenantTable

SHARES: dict[Priority, float] = {"low": 0.7, "normal": 0.9, "high": 1.0}
"""Part of the most requests at a time up to which each priority is served."""

RETRY_SECONDS = 1
"""What clients are told to wait, in seconds: other replicas may have room at once."""

_ORDER: tuple[Priority, ...] = ("low", "normal", "high")
_NAMES: dict[bytes, Priority] = {name.encode(): name for name in _ORDER}
_HEADER = names.PRIORITY_HEADER.encode()


class Shedding:
    """The limits of a configuration."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self.replace(most)

    def replace(self, most: int) -> None:
        """Take another limit."""
        self._limits: dict[Priority, float] = {name: most * share for name, share in SHARES.items()}

    def check(self, tenant: TenantTable, headers: Mapping[bytes, bytes], in_flight: int) -> None:
        """Let a request in, or not. A client may ask for less priority than its tenant has, never for more.

        Raises:
            ApiError: There is too much to do (503), or the header is wrong (400).
        """
        priority = tenant.priority
        if (asked := headers.get(_HEADER)) is not None:
            found = _NAMES.get(asked.strip().lower())
            if found is None:
                message = f"Header {names.PRIORITY_HEADER} must be one of: {', '.join(_ORDER)}."
                raise invalid_request(message, "invalid_priority")
            priority = min(priority, found, key=_ORDER.index)
        if in_flight >= self._limits[priority]:
            self._metrics.shed.labels(tenant.access.name, priority).inc()
            message = f"The gateway has too much to do for priority '{priority}'. Try again shortly."
            raise ApiError(503, message, "overloaded", retry_after=RETRY_SECONDS)
