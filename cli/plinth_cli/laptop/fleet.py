"""All processes of the laptop: the local cloud, and the workloads as the manifests say."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from plinth_cli.errors import PlinthError
from plinth_cli.laptop import environment, ports
from plinth_cli.laptop.manifests import Objects, process_specs
from plinth_cli.laptop.process import Process
from plinth_cli.laptop.protocol import CLOUD, ProcessStatus, log_file
from plinth_cli.laptop.secrets import SecretsManager, resolve, target
from plinth_cli.laptop.spec import Probe, ProcessSpec
from plinth_cli.laptop.volumes import Mounts, remove_tree
from plinth_cli.paths import EnvDirs

Progress = Callable[[str], None]
JOURNAL_KEY = "PLINTH_JOURNAL_KEY"
REPORT_SECONDS = 0.2


@dataclass
class Workload:
    """A workload that runs."""

    process: Process
    mounts: Mounts
    digest: str


class Fleet:
    """Owns every process. Methods that change something must not run at the same time."""

    def __init__(self, dirs: EnvDirs, changed: Callable[[str], None]) -> None:
        self._dirs = dirs
        self._changed = changed
        self._cloud: Process | None = None
        self._workloads: dict[str, Workload] = {}
        self._objects: Objects | None = None
        remove_tree(self._mounts)  # a supervisor that was killed leaves its secrets behind

    @property
    def endpoint(self) -> str | None:
        """Address of the local cloud."""
        return self._cloud.status().address if self._cloud else None

    def status(self) -> list[ProcessStatus]:
        """Return all processes, the cloud first."""
        cloud = [self._cloud.status()] if self._cloud else []
        return cloud + [self._workloads[name].process.status() for name in sorted(self._workloads)]

    async def start_cloud(self, port: int, passphrase: str) -> str:
        """Start the local cloud, or find it running at that port; return its address.

        Raises:
            PlinthError: The port is taken, or it does not start.
        """
        if self._cloud is not None and self._cloud.spec.port != port:
            await self._cloud.stop()
            self._cloud = None
        if self._cloud is None:
            ports.check(port, "the local stand-in for AWS", "laptop.ports.aws", self._dirs.env)
            self._cloud = self._process(_cloud_spec(port, self._dirs), environment.base() | {JOURNAL_KEY: passphrase})
            self._cloud.start()
        await self._cloud.until_ready()
        return f"http://{ports.HOST}:{port}"

    async def start_workloads(self, progress: Progress) -> None:
        """Bring the workloads to what the manifests say, and wait until all are ready.

        Raises:
            PlinthError: A manifest cannot be run here, a port is taken, or a workload does not start.
        """
        from plinth_cli.rehearsal.kubernetes import manifests  # takes a third of a second, and only this needs it

        self._objects = Objects(await asyncio.to_thread(manifests.load, self._dirs.base))
        specs = await self._specs()
        gone = [name for name in self._workloads if name not in {spec.name for spec in specs}]
        stale = [spec for spec in specs if self._is_stale(spec)]
        await self._stop([*gone, *(spec.name for spec in stale)])
        for spec in stale:
            for port in spec.ports.values():
                ports.check(port, spec.name, spec.port_field, self._dirs.env)
        for spec in specs:
            if spec in stale:
                self._start(spec)
            else:
                self._workloads[spec.name].mounts.update(spec)
        await self._until_ready(progress)

    async def refresh_secrets(self) -> None:
        """Bring files from secrets up to date; a workload whose variables come from one that changed starts anew.

        Raises:
            PlinthError: A secret is missing now, or the local cloud does not answer. Everything stays as it was.
        """
        if self._objects is None or self._cloud is None or self._cloud.state != "ready":
            return
        for spec in await self._specs():
            running = self._workloads.get(spec.name)
            if running is None:
                continue
            if running.digest != spec.digest():
                await self._stop([spec.name])
                self._start(spec)
            elif running.mounts.update(spec):
                self._changed(f"{spec.name}: secrets are up to date")

    async def stop(self, limit_seconds: float | None = None) -> None:
        """End everything: first what needs others, then the others, the cloud last. Secrets are deleted."""
        for last in (False, True):
            await self._stop(
                [n for n, w in self._workloads.items() if w.process.spec.stops_last is last], limit_seconds
            )
        if self._cloud is not None:
            await self._cloud.stop(limit_seconds)
            self._cloud = None
        remove_tree(self._mounts)

    @property
    def _mounts(self) -> Path:
        return self._dirs.run / "mounts"

    def _is_stale(self, spec: ProcessSpec) -> bool:
        running = self._workloads.get(spec.name)
        return running is None or running.digest != spec.digest()

    def _start(self, spec: ProcessSpec) -> None:
        mounts = Mounts(self._mounts / spec.name)
        mounts.reset(spec)
        region = self._objects.region() if self._objects else ""
        process = self._process(spec, environment.workload(spec, mounts.root, self.endpoint, region))
        self._workloads[spec.name] = Workload(process, mounts, spec.digest())
        process.start()

    def _process(self, spec: ProcessSpec, environ: dict[str, str]) -> Process:
        def changed() -> None:
            detail = f" ({process.detail})" if process.detail else ""
            self._changed(f"{spec.name}: {process.state}{detail}")

        process = Process(spec, environ, log_file(self._dirs, spec.name), changed)
        return process

    async def _stop(self, names: list[str], limit_seconds: float | None = None) -> None:
        stopping = [self._workloads.pop(name) for name in names if name in self._workloads]
        await asyncio.gather(*(workload.process.stop(limit_seconds) for workload in stopping))
        for workload in stopping:
            workload.mounts.remove()

    async def _until_ready(self, progress: Progress) -> None:
        waits: set[asyncio.Task[None]] = {
            asyncio.create_task(workload.process.until_ready()) for workload in self._workloads.values()
        }
        shown = ""
        try:
            while waits:
                done, waits = await asyncio.wait(waits, timeout=REPORT_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                text = ", ".join(f"{s.name} {s.state}" for s in self.status() if s.name != CLOUD)
                if text != shown:
                    shown = text
                    progress(text)
        finally:
            for task in waits:
                task.cancel()

    async def _specs(self) -> list[ProcessSpec]:
        assert self._objects is not None
        return await asyncio.to_thread(_resolved_specs, self._objects, self.endpoint)


def _resolved_specs(objects: Objects, endpoint: str | None) -> list[ProcessSpec]:
    """Return the processes to run, with what they need from Secrets Manager. Asks it only for what they mount."""
    external = {(namespace, target(body)): body for namespace, body in objects.of_kind("ExternalSecret")}
    resolved: dict[tuple[str, str], dict[str, str]] = {}
    store: SecretsManager | None = None

    def secret(namespace: str, name: str) -> dict[str, str] | None:
        nonlocal store
        key = (namespace, name)
        if key not in external:
            return None
        if key not in resolved:
            if endpoint is None:
                raise PlinthError(f"ExternalSecret {name} needs the local cloud, which is not running.")
            store = store or SecretsManager(endpoint, objects.region())
            with _naming(namespace, name):
                resolved[key] = resolve(external[key], store)
        return resolved[key]

    return process_specs(objects, secret)


@contextlib.contextmanager
def _naming(namespace: str, name: str) -> Generator[None]:
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        raise PlinthError(
            f"ExternalSecret {name} is not understood ({type(error).__name__}: {error}).",
            where=f"{namespace}/ExternalSecret-{name}.yaml",
        ) from None


def _cloud_spec(port: int, dirs: EnvDirs) -> ProcessSpec:
    options = ("--port", str(port), "--journal", str(dirs.cloud / "journal"))
    return ProcessSpec(
        name=CLOUD,
        command=(sys.executable, "-m", "plinth_cli.rehearsal.cloud", *options),
        environ={},
        ports={"aws": port},
        port_field="laptop.ports.aws",
        readiness=Probe(port=port, period_seconds=5),
        grace_seconds=10,
    )
