"""The configuration while it changes: a good one is taken without a request noticing, a bad one is refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.errors import StartupError
from plinth_runtime.files import Watched
from plinth_runtime.gateway.config import RESTART_FIELDS
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.logs import Log
from plinth_runtime.startup import parse


@dataclass
class Reloading:
    """What became of the configuration file, for people."""

    loaded_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    reloads: int = 0
    refused: str | None = None
    """Why the file as it is now was not taken; None where it is in use."""


class ConfigFile:
    """The configuration file."""

    def __init__(self, path: str, metrics: Metrics | None = None, log: Log | None = None) -> None:
        self._file = Watched(path, "the configuration")
        self._metrics = metrics
        self._log = log
        self.state = Reloading()
        self.config = self._read()

    def report_to(self, metrics: Metrics, log: Log) -> None:
        """Name who hears of changes."""
        self._metrics, self._log = metrics, log

    def refresh(self, take: Callable[[RuntimeConfig], None]) -> None:
        """Read the file again if it has changed, and hand over what it holds.

        `take` raises StartupError where the new configuration cannot be used; the old one stays then.
        """
        if not self._file.changed():
            return
        try:
            fresh = self._read()
            if fresh != self.config:
                _same_fixed(self.config, fresh)
                take(fresh)
        except StartupError as error:
            self._refused(str(error))
            return
        self.config = fresh
        self._taken()

    def _read(self) -> RuntimeConfig:
        return parse(RuntimeConfig, self._file.read(), self._file.path)

    def _taken(self) -> None:
        self.state = Reloading(reloads=self.state.reloads + 1)
        if self._metrics and self._log:
            self._metrics.reloads.labels("taken").inc()
            self._metrics.config_refused.set(0)
            self._log.info("config_loaded", backends=len(self.config.backends), routes=len(self.config.routes))

    def _refused(self, reason: str) -> None:
        self.state.refused = reason
        if self._metrics and self._log:
            self._metrics.reloads.labels("refused").inc()
            self._metrics.config_refused.set(1)
            self._log.warning("config_refused", reason=reason)


def _same_fixed(before: RuntimeConfig, after: RuntimeConfig) -> None:
    changed = [
        f"gateway.{name}" for name in RESTART_FIELDS if getattr(before.gateway, name) != getattr(after.gateway, name)
    ]
    if before.environment != after.environment:
        changed.append("environment")
    if changed:
        raise StartupError(f"{', '.join(changed)} cannot change while the gateway runs: start it anew")
