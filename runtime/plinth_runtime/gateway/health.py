"""Which backends are reachable: probed in the background, so that asking costs nothing."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from plinth_runtime.config import Backend, RuntimeConfig
from plinth_runtime.gateway.metrics import Metrics
from plinth_runtime.gateway.upstream import Upstream, UpstreamError
from plinth_runtime.logs import Log

UP_SECONDS = 10.0
"""Time between probes of a backend that answers, in seconds."""
DOWN_SECONDS = 1.0
"""Time between probes of one that does not, in seconds."""
ANSWER_SECONDS = 5.0
"""Longest time for the answer to a probe, in seconds."""


@dataclass(frozen=True)
class State:
    """What is known of a backend. `up` is None until the first probe has ended."""

    up: bool | None
    detail: str


class Health:
    """The state of every backend, and what follows for routes and readiness."""

    def __init__(
        self,
        config: RuntimeConfig,
        upstream: Upstream,
        metrics: Metrics,
        log: Log,
        revived: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`revived` is told the name of a backend that was down and answers again."""
        self._upstream = upstream
        self._metrics = metrics
        self._log = log
        self._revived = revived
        self._backends: dict[str, Backend] = {}
        self._states: dict[str, State] = {}
        self._up: dict[str, asyncio.Event] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._started = False
        self.replace(config)

    def replace(self, config: RuntimeConfig) -> None:
        """Take another configuration; what is known of backends that stay as they are is kept."""
        self._routes = {route.name: sorted({t.backend for t in route.targets}) for route in config.routes}
        self._may_sleep = {backend.name for backend in config.backends if backend.hold is not None}
        fresh = {backend.name: backend for backend in config.backends}
        for name, before in self._backends.items():
            if fresh.get(name) != before:
                self._forget(name)
        for name, backend in fresh.items():
            if name not in self._states:
                self._states[name] = State(None, "not probed yet")
                self._up[name] = asyncio.Event()
                self._probe_always(backend)
        self._backends = fresh

    def is_up(self, backend: str) -> bool:
        """Whether a backend is worth trying first; one that was not probed yet is."""
        state = self._states.get(backend)
        return state is None or state.up is not False

    async def until_up(self, backend: str) -> None:
        """Return when a backend has answered a probe."""
        if (event := self._up.get(backend)) is not None:
            await event.wait()

    def failed(self, backend: str, detail: str) -> None:
        """Take note that a request could not reach a backend; the probe brings it back."""
        self._set(backend, State(False, detail))

    def report(self, *, draining: bool) -> tuple[bool, dict[str, object]]:
        """Return whether this gateway should get requests, and why.

        At start every route needs a reachable backend: a new version that cannot reach one must not replace one
        that can. Later a single route that is down does not take the others with it (its callers get a 502 or
        503 that names the backend), so the answer stays ready, with status `degraded`, while any route works.
        A backend that may have no replica counts as reachable: its requests wait for it.
        """
        down = [name for name, backends in self._routes.items() if not any(self._serves(b) for b in backends)]
        if not down:
            self._started = True
        working = len(down) < len(self._routes) or not self._routes
        ready = self._started and working and not draining
        status = "draining" if draining else "ready" if not down else "degraded" if ready else "not ready"
        routes = {
            name: {"ready": name not in down, "backends": {b: self._states[b].detail for b in backends}}
            for name, backends in self._routes.items()
        }
        return ready, {"status": status, "routes_down": down, "routes": routes}

    def _serves(self, backend: str) -> bool:
        return bool(self._states[backend].up) or backend in self._may_sleep

    async def watch(self) -> None:
        """Probe all backends for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for backend in self._backends.values():
                self._probe_always(backend)
            await asyncio.Event().wait()

    def _probe_always(self, backend: Backend) -> None:
        if self._group is not None:
            self._probes[backend.name] = self._group.create_task(self._watch(backend))

    def _forget(self, backend: str) -> None:
        del self._states[backend]
        self._up.pop(backend).set()  # who waits for it finds out that it is gone
        self._metrics.backend_up.remove(backend)
        if (task := self._probes.pop(backend, None)) is not None:
            task.cancel()

    async def _watch(self, backend: Backend) -> None:
        while True:
            state = await self._probe(backend)
            self._set(backend.name, state)
            self.report(draining=False)
            await self._pause(backend.name)

    async def _pause(self, backend: str) -> None:
        """Wait until the next probe is due; a failure seen by a request meanwhile brings it forward."""
        for _ in range(int(UP_SECONDS / DOWN_SECONDS)):
            await asyncio.sleep(DOWN_SECONDS)
            if not self._states[backend].up:
                return

    async def _probe(self, backend: Backend) -> State:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._upstream.get(backend, "/models")
        except UpstreamError as error:
            return State(False, error.detail)
        except TimeoutError:
            return State(False, f"did not answer within {ANSWER_SECONDS:g} seconds")
        with contextlib.closing(answer):
            if backend.probe == "connect":
                return State(True, "up")
            if answer.status >= 500:
                return State(False, f"answers {answer.status}")
            if answer.status in (401, 403) and self._upstream.has_credential(backend.name):
                return State(False, "refuses the gateway's API key")
            return State(True, "up")

    def _set(self, backend: str, state: State) -> None:
        before = self._states.get(backend)
        if before is None:
            return  # no longer configured
        if state.up != before.up:
            self._log.info("backend", backend=backend, up=state.up, detail=state.detail)
            if state.up:
                self._revived(backend)
        self._states[backend] = state
        (self._up[backend].set if state.up else self._up[backend].clear)()
        self._metrics.backend_up.labels(backend).set(1 if state.up else 0)
