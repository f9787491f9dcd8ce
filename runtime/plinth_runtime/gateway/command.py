"""`plinth-runtime gateway`: puts the parts together and runs them."""

import asyncio
import socket
import time

from plinth_runtime import __version__, server
from plinth_runtime.config import RuntimeConfig
from plinth_runtime.gateway.app import GatewayApp
from plinth_runtime.gateway.chat import Chat
from plinth_runtime.gateway.health import Health
from plinth_runtime.gateway.holding import Holding
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.ops import Ops
from plinth_runtime.gateway.routing import Routes
from plinth_runtime.gateway.upstream import Upstream
from plinth_runtime.logs import Log, setup
from plinth_runtime.startup import load_config
from plinth_runtime.tenant_routes import TenantRoutes

REFRESH_SECONDS = 1.0
"""Time between looks at files that may change (keys, credentials), in seconds."""


async def run(path: str) -> None:
    """Serve until told to end.

    Raises:
        StartupError: The configuration, a file that it names or an address cannot be used.
    """
    config = load_config(path)
    log = setup(config.environment)
    keys = KeyRing(config.gateway.keys_file, [tenant.name for tenant in config.tenants], log)
    upstream = Upstream(config.backends)
    listeners = _listen(config)
    async with upstream:
        await _serve(config, keys, upstream, listeners, log)


async def _serve(
    config: RuntimeConfig, keys: KeyRing, upstream: Upstream, listeners: list[socket.socket], log: Log
) -> None:
    gateway = config.gateway
    metrics = Metrics(config.environment)
    health = Health(config, upstream, metrics, log)
    routes = Routes(config, health.is_up)
    additions = Additions(config, routes, health, log) if gateway.tenant_routes_dir is not None else None
    drain = server.Drain(gateway.drain_seconds)
    holding = Holding(config.backends, health, metrics, drain.asked)
    ops = Ops(health, metrics, drain)
    chat = Chat(gateway, keys, routes, upstream, health, holding, metrics)
    app = GatewayApp(chat, keys, routes, metrics, log, drain, ops if gateway.metrics_port is None else None)
    apps: list[tuple[server.App, socket.socket]] = list(zip([app, ops], listeners, strict=False))
    log.info("listening", addresses=[_address(listener) for listener in listeners], version=__version__)
    async with asyncio.TaskGroup() as group:
        refreshing = _refresh(keys, upstream, additions, log)
        background = [group.create_task(health.watch()), group.create_task(refreshing)]
        began = time.monotonic()
        clean = await server.serve(apps, drain)
        log.info("stopped", clean=clean, seconds_up=round(time.monotonic() - began, 1))
        for task in background:
            task.cancel()


class Additions:
    """Routes that tenants have added, kept up to date."""

    def __init__(self, config: RuntimeConfig, routes: Routes, health: Health, log: Log) -> None:
        self._found = TenantRoutes(config.gateway.tenant_routes_dir or "", config)
        self._routes = routes
        self._health = health
        self._log = log
        self._apply()

    def refresh(self) -> None:
        """Look again."""
        if self._found.refresh():
            self._apply()

    def _apply(self) -> None:
        merged = self._found.merged
        self._routes.replace(merged.config)
        self._health.replace(merged.config)
        for refused in merged.refused:
            self._log.warning("tenant_route_refused", file=refused.file, reason=refused.reason)


async def _refresh(keys: KeyRing, upstream: Upstream, additions: Additions | None, log: Log) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        keys.refresh()
        upstream.refresh(log)
        if additions is not None:
            additions.refresh()


def _listen(config: RuntimeConfig) -> list[socket.socket]:
    gateway = config.gateway
    listeners = [server.bind(gateway.host, gateway.port, "the gateway")]
    if gateway.metrics_port is not None:
        listeners.append(server.bind(gateway.host, gateway.metrics_port, "the gateway's metrics"))
    return listeners


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"
