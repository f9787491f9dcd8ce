"""`plinth-runtime gateway`: puts the parts together and runs them."""

import asyncio
import dataclasses
import gc
import socket
import time
from collections.abc import Iterable

from plinth_runtime import __version__, server
from plinth_runtime.config import RuntimeConfig
from plinth_runtime.gateway.app import GatewayApp
from plinth_runtime.gateway.attempts import Attempts
from plinth_runtime.gateway.conditions import Conditions, RetryBudget
from plinth_runtime.gateway.datapath import DataPath
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.holding import Holding
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.ops import Ops
from plinth_runtime.gateway.relay import Streams
from plinth_runtime.gateway.reload import ConfigFile
from plinth_runtime.gateway.requestlog import RequestLog
from plinth_runtime.gateway.routing.tables import Tables
from plinth_runtime.gateway.shedding import Shedding
from plinth_runtime.gateway.upstream import Upstream
from plinth_runtime.gateway.wire.listen import Listener, serve
from plinth_runtime.logs import Log, setup
from plinth_runtime.tenant_routes import TenantRoutes

REFRESH_SECONDS = 1.0
"""Time between looks at files that may change (configuration, keys, credentials), in seconds."""


async def run(path: str) -> None:
    """Serve until told to end.

    Raises:
        StartupError: The configuration, a file that it names or an address cannot be used.
    """
    file = ConfigFile(path)
    config = file.config
    log = setup(config.environment)
    keys = KeyRing(config.gateway.keys_file, [tenant.name for tenant in config.tenants], log)
    upstream = Upstream(config.backends)
    listeners = _listen(config)
    async with upstream:
        gateway = Gateway(file, keys, upstream, log)
        _spare_the_collector()
        await gateway.serve(listeners)


class Gateway:
    """A running gateway."""

    def __init__(self, file: ConfigFile, keys: KeyRing, upstream: Upstream, log: Log) -> None:
        config = file.config
        settings = config.gateway
        self._file, self._keys, self._upstream, self._log = file, keys, upstream, log
        self._found = TenantRoutes(settings.tenant_routes_dir, config) if settings.tenant_routes_dir else None
        merged = self._merged()
        self.metrics = metrics = Metrics(config.environment)
        file.report_to(metrics, log)
        self.conditions = Conditions()
        self.streams = Streams()
        self.drain = server.Drain(settings.drain_seconds)
        self.health = Health(merged, upstream, metrics, log, self.conditions.revive)
        self.holding = Holding(config.backends, self.health, metrics, self.drain.asked)
        self.attempts = Attempts(upstream, self.health, self.holding, metrics, _budget(config))
        self.shedding = Shedding(settings.max_in_flight, metrics)
        self.request_log = RequestLog(config.environment, metrics.lines_dropped.inc)
        self.ops = Ops(self.health, metrics, self.drain, self.status)
        path = DataPath(upstream, self.attempts, self.conditions, metrics, self.streams)
        shared_port = self.ops if settings.metrics_port is None else None
        self.app = GatewayApp(
            Tables(merged), path, keys, self.shedding, metrics, self.request_log, log, self.drain, shared_port
        )
        self._apply(merged)
        metrics.watch(metrics.in_flight, lambda: self.drain.in_flight)
        metrics.watch(metrics.connections, upstream.open_connections)

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve until told to end."""
        limit = lambda: self.app.tables.config.gateway.max_body_bytes  # noqa: E731 - a name for it says no more
        listeners = [Listener(app, it, limit) for app, it in zip((self.app, self.ops), sockets, strict=False)]
        self._log.info("listening", addresses=[_address(it) for it in sockets], version=__version__)
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(self.health.watch()), group.create_task(self._refresh())]
            began = time.monotonic()
            clean = await serve(listeners, self.drain, self._sweep)
            await self.request_log.close()
            self._log.info("stopped", clean=clean, seconds_up=round(time.monotonic() - began, 1))
            for task in background:
                task.cancel()

    def status(self) -> dict[str, object]:
        """Return what it runs with, for people."""
        now = asyncio.get_running_loop().time()
        targets = [
            {
                "backend": backend,
                "model": model,
                "usable": it.usable(now) and self.health.is_up(backend),
                "breaker": "closed" if not it.open else "open" if now < it.open_until else "half open",
                "in_flight": it.in_flight,
                "latency_seconds": round(it.latency, 4),
            }
            for (backend, model), it in sorted(self.conditions.all.items())
        ]
        return {
            "version": __version__,
            "config": dataclasses.asdict(self._file.state),
            "draining": self.drain.draining,
            "in_flight": self.drain.in_flight,
            "streams": len(self.streams),
            "targets": targets,
        }

    def _merged(self) -> RuntimeConfig:
        return self._found.merged.config if self._found is not None else self._file.config

    def take(self, config: RuntimeConfig) -> None:
        """Take another configuration.

        Raises:
            StartupError: A file that it names cannot be used; nothing has changed then.
        """
        self._upstream.replace(config.backends)
        if self._found is not None:
            self._found = TenantRoutes(config.gateway.tenant_routes_dir or "", config)
        self._apply(self._found.merged.config if self._found is not None else config)
        self._keys.serve(tenant.name for tenant in config.tenants)
        self.holding.replace(config.backends)
        self.shedding.replace(config.gateway.max_in_flight)
        self.attempts.budget = _budget(config)

    def _apply(self, merged: RuntimeConfig) -> None:
        tables = Tables(merged)
        self.conditions.replace(_targets(tables), merged.gateway.breaker)
        self.health.replace(merged)
        self.app.tables = tables
        for refused in self._found.merged.refused if self._found is not None else ():
            self._log.warning("tenant_route_refused", file=refused.file, reason=refused.reason)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self._file.refresh(self.take)
            self._keys.refresh()
            self._upstream.refresh(self._log)
            if self._found is not None and self._found.refresh():
                self._apply(self._found.merged.config)

    def _sweep(self, now: float) -> None:
        self._upstream.sweep(now)
        self.streams.sweep(now)
        tables = self.app.tables
        self.conditions.eject(([it.key for it in table.candidates] for table in tables.routes.values()), now)
        for (backend, model), condition in self.conditions.all.items():
            self.metrics.breaker_open.labels(backend, model).set(1 if condition.open else 0)


def _spare_the_collector() -> None:
    """Keep what lives as long as the process out of garbage collection, and collect less often: requests make none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _budget(config: RuntimeConfig) -> RetryBudget:
    settings = config.gateway.retry_budget
    return RetryBudget(settings.share, settings.least_per_second)


def _targets(tables: Tables) -> Iterable[tuple[str, str]]:
    return [candidate.key for table in tables.routes.values() for candidate in table.candidates]


def _listen(config: RuntimeConfig) -> list[socket.socket]:
    gateway = config.gateway
    listeners = [server.bind(gateway.host, gateway.port, "the gateway")]
    if gateway.metrics_port is not None:
        listeners.append(server.bind(gateway.host, gateway.metrics_port, "the gateway's metrics"))
    return listeners


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"
