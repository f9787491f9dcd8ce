"""What a process of the laptop is: plain data, made from rendered manifests."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Probe:
    """How to ask a process: HTTP GET of a path, or, without a path, whether the port accepts a connection."""

    port: int
    path: str | None = None
    period_seconds: float = 10
    timeout_seconds: float = 1
    failures: int = 3
    delay_seconds: float = 0


@dataclass(frozen=True)
class MountedFile:
    """A file that the process finds under its root."""

    path: PurePosixPath
    """Absolute, as in the container."""
    content: bytes = field(repr=False)
    secret: bool
    """From a Secret: kept out of the digest, because it may change under a running process, as in a cluster."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process to run."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    """Variables from the manifest; the laptop's own are added at start. May hold secrets."""
    files: tuple[MountedFile, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()
    """Empty folders that it may write to."""
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    """Ports by name; the first is the one that people are shown."""
    port_field: str = ""
    """Field of the spec that chose the ports."""
    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None
    grace_seconds: float = 30
    """Time to end after SIGTERM."""
    replicas: int = 1
    """Copies that a cluster would run; here it is always one."""
    stops_last: bool = False
    """Others need it while they end, as a gateway needs its models."""

    @property
    def port(self) -> int | None:
        """The port that people are shown."""
        return next(iter(self.ports.values()), None)

    def digest(self) -> str:
        """Return what changes when the process must be started anew."""
        facts = {
            "command": self.command,
            "environ": dict(self.environ),
            "files": [[str(f.path), hashlib.sha256(f.content).hexdigest()] for f in self.files if not f.secret],
            "folders": [str(folder) for folder in self.folders],
            "ports": dict(self.ports),
            "probes": [asdict(probe) if probe else None for probe in (self.startup, self.readiness, self.liveness)],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
