"""One process of the laptop: started, watched through its probes, started again when it ends, stopped in good order."""

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from plinth_cli.errors import PlinthError
from plinth_cli.laptop import launch, ports, probes
from plinth_cli.laptop.protocol import ProcessStatus, State
from plinth_cli.laptop.spec import Probe, ProcessSpec

START_SECONDS = 60.0
"""Longest time from start to ready where no startup probe says otherwise."""
QUICK_SECONDS = 0.1
"""Time between probes until the process is ready for the first time."""
BACKOFF = (0.5, 1, 2, 4, 8, 15, 30)
"""Waits before the first, second, ... restart in a row, in seconds."""
STEADY_SECONDS = 60.0
"""After so long without an end, the waits begin anew."""
TRIES = 2
"""A process that ends so often before it was ever ready is reported as broken."""
LOG_LINES = 8
LOG_BYTES = 10 * 1024 * 1024
"""A log above this size is set aside (`.1`) at the next start."""


class Process:
    """Keeps one process running."""

    def __init__(self, spec: ProcessSpec, environ: Mapping[str, str], log: Path, changed: Callable[[], None]) -> None:
        self.spec = spec
        self._environ = environ
        self._log = log
        self._changed = changed
        self._child: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._ended_for: str | None = None
        self._ever_ready = False
        self._tries = 0
        self.restarts = 0
        self.state: State = "stopped"
        self.since = time.time()
        self.detail = ""

    def start(self) -> None:
        """Begin to keep it running."""
        self._stopping = False
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self, limit_seconds: float | None = None) -> None:
        """End it: SIGTERM, and after its grace period (or less) SIGKILL. Calling it again does nothing."""
        self._stopping = True
        child = self._child
        if child is not None and child.returncode is None:
            self._become("stopping")
            await self._end(child, min(self.spec.grace_seconds, limit_seconds or self.spec.grace_seconds))
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._become("stopped")

    async def until_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            PlinthError: It ended twice before it ever was, or took too long.
        """
        end = time.monotonic() + self._start_limit()
        while self.state != "ready":
            if not self._ever_ready and self._tries >= TRIES:
                raise self._error(f"{self.spec.name} does not start: it {self.detail}.")
            if time.monotonic() > end:
                why = f": {self.detail}" if self.detail else ""
                raise self._error(f"{self.spec.name} is not ready after {self._start_limit():g} s{why}.")
            await asyncio.sleep(0.05)

    def status(self) -> ProcessStatus:
        """Return how it is."""
        alive = self._child is not None and self._child.returncode is None
        port = self.spec.port
        note = f"one process for {self.spec.replicas} replicas" if self.spec.replicas > 1 else ""
        return ProcessStatus(
            name=self.spec.name,
            state=self.state,
            pid=self._child.pid if alive and self._child else None,
            port=port,
            address=None if port is None else f"http://{ports.HOST}:{port}",
            restarts=self.restarts,
            since=self.since,
            detail="; ".join(part for part in (self.detail, note) if part),
        )

    async def _keep(self) -> None:
        ends = 0
        while not self._stopping:
            began = time.monotonic()
            why = await self._run_once()
            if self._stopping:
                return
            self.restarts += 1
            self._tries += 1
            ends = 0 if time.monotonic() - began > STEADY_SECONDS else ends
            wait = BACKOFF[min(ends, len(BACKOFF) - 1)]
            ends += 1
            self._become("restarting", why)
            await asyncio.sleep(wait)

    async def _run_once(self) -> str:
        """Run it until it ends; return why it did."""
        self._become("starting", self.detail)
        self._ended_for = None
        with self._open_log() as log:
            child = self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                launch.__file__,
                str(os.getpid()),
                *self.spec.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(self._environ),
                start_new_session=True,
            )
        watch = asyncio.create_task(self._watch(child))
        try:
            code = await child.wait()
            return self._ended_for or _ended(code)
        finally:
            watch.cancel()

    async def _watch(self, child: asyncio.subprocess.Process) -> None:
        """Probe until the process has to be ended, and end it."""
        self._ended_for = await self._until_first_ready() or await self._while_alive()
        await self._end(child, self.spec.grace_seconds)

    async def _end(self, child: asyncio.subprocess.Process, seconds: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _until_first_ready(self) -> str | None:
        end = time.monotonic() + self._start_limit()
        probe = self.spec.readiness or self.spec.startup or self._port_probe()
        while probe is not None:
            problem = await probes.ask(probe)
            if problem is None:
                break
            self._become("starting", problem)
            if time.monotonic() > end:
                return f"was not ready within {self._start_limit():g} s ({problem})"
            await asyncio.sleep(QUICK_SECONDS)
        self._ever_ready = True
        self._become("ready")
        return None

    async def _while_alive(self) -> str:
        """Follow readiness; return when liveness has failed."""
        ready: deque[str | None] = deque(maxlen=self.spec.readiness.failures if self.spec.readiness else 1)
        failed = 0
        checks = [probe for probe in (self.spec.readiness, self.spec.liveness) if probe]
        period = min((probe.period_seconds for probe in checks), default=5.0)
        next_liveness = time.monotonic()
        while True:
            await asyncio.sleep(period)
            if self.spec.readiness:
                ready.append(await probes.ask(self.spec.readiness))
                if ready[-1] is None:
                    self._become("ready")
                elif len(ready) == ready.maxlen and None not in ready:
                    self._become("not ready", ready[-1] or "")
            if self.spec.liveness and time.monotonic() >= next_liveness:
                next_liveness = time.monotonic() + self.spec.liveness.period_seconds
                problem = await probes.ask(self.spec.liveness)
                failed = failed + 1 if problem else 0
                if failed >= self.spec.liveness.failures:
                    return f"did not answer its liveness probe ({problem})"

    def _port_probe(self) -> Probe | None:
        return Probe(port=self.spec.port) if self.spec.port else None

    def _start_limit(self) -> float:
        startup = self.spec.startup
        allowed = startup.delay_seconds + startup.period_seconds * startup.failures if startup else 0.0
        return max(allowed, START_SECONDS)

    def _become(self, state: State, detail: str = "") -> None:
        if (state, detail) == (self.state, self.detail):
            return
        if state != self.state:
            self.since = time.time()
        self.state, self.detail = state, detail
        self._changed()

    def _open_log(self) -> BinaryIO:
        with contextlib.suppress(OSError):
            if self._log.stat().st_size > LOG_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._log.open("ab")

    def _error(self, what: str) -> PlinthError:
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:] if self._log.exists() else []
        said = "".join(f"\n  | {line}" for line in lines)
        return PlinthError(f"{what}{said}", where=str(self._log), fix="The last lines of its log, above, say why.")


def _ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
