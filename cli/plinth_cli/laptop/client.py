"""The laptop, as the command line sees it."""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from plinth_cli.engine import processes
from plinth_cli.errors import PlinthError
from plinth_cli.laptop import ports, protocol
from plinth_cli.laptop.protocol import CLOUD, SUPERVISOR, ProcessStatus
from plinth_cli.laptop.volumes import remove_tree
from plinth_cli.paths import EnvDirs

START_SECONDS = 30.0
"""Longest time for the supervisor to start."""
ANSWER_SECONDS = 300.0
"""Longest silence of the supervisor in the middle of a request."""
STOP_SECONDS = 120.0
"""Longest time for everything to end after `stop`; afterwards the supervisor is killed, and all with it."""
FOLLOW_SECONDS = 0.2


class Laptop:
    """The processes of one environment on this machine. Every method may raise PlinthError."""

    def __init__(self, dirs: EnvDirs) -> None:
        self._dirs = dirs
        self._starter: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether a supervisor runs and answers."""
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def start_cloud(self, port: int, passphrase: str | None = None) -> str:
        """Start the supervisor where none runs, and the local cloud; return the cloud's address.

        Until `keep`, everything ends when this process does.

        Args:
            port: TCP port of the cloud, `laptop.ports.aws` of the spec.
            passphrase: Key of the cloud's journal; by default what the environment's passphrase file holds.
        """
        if not self.running:
            self._start_supervisor()
        key = passphrase if passphrase is not None else self._dirs.passphrase.read_text().strip()
        return str(self._ask({"op": "start_cloud", "port": port, "passphrase": key}))

    def check_ports(self, gateway: int, models: Mapping[str, int]) -> None:
        """Make sure that ports of workloads are free, or held by processes of this laptop: before the engine works.

        Args:
            gateway: Port of the gateway.
            models: Ports of development models, by their names.
        """
        own = {status.port for status in self.status()}
        wanted = [(gateway, "gateway", "gateway"), *((port, name, f"models.{name}") for name, port in models.items())]
        for port, name, field in wanted:
            if port not in own:
                ports.check(port, name, f"laptop.ports.{field}", self._dirs.env)

    def start_workloads(self, progress: Callable[[str], None] | None = None) -> list[ProcessStatus]:
        """Run what the rendered manifests say, wait until all of it is ready, and return how it is.

        Workloads whose manifest did not change keep running; those whose manifest is gone are stopped.
        """
        return _statuses(self._ask({"op": "start_workloads"}, progress))

    def keep(self) -> None:
        """Let everything outlive this process."""
        self._ask({"op": "keep"})
        if self._starter is not None and self._starter.stdin is not None:
            self._starter.stdin.close()
            self._starter.returncode = 0  # it is not ours to wait for any more
        self._starter = None

    def status(self) -> list[ProcessStatus]:
        """Return all processes, the cloud first; nothing where the laptop is not running."""
        try:
            return _statuses(self._ask({"op": "status"}))
        except _NotRunningError:
            return []

    def endpoint(self) -> str | None:
        """Return the address of the local cloud, or None where it is not running."""
        return next((status.address for status in self.status() if status.name == CLOUD), None)

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines of a process's log; with `follow`, new ones as they come, until the laptop stops."""
        path = protocol.log_file(self._dirs, name)
        if not path.is_file():
            known = sorted(file.stem for file in self._dirs.logs.glob("*.log"))
            raise PlinthError(
                f"There is no log of '{name}'.",
                where=str(self._dirs.logs),
                fix=f"Choose one of: {', '.join(known)}." if known else "Bring the laptop up first: plinth up local",
            )
        return self._lines(path, follow=follow)

    def stop(self) -> bool:
        """End everything in good order; return whether anything was running. Calling it again does nothing."""
        state = protocol.read_state(self._dirs)
        try:
            self._ask({"op": "stop"})
            was_running = True
        except _NotRunningError:
            was_running = False
        alive = state is not None and processes.same(state.pid, state.started)
        if state is not None and alive and not self._ended(state.pid):
            os.kill(state.pid, signal.SIGKILL)  # it hangs; its children are killed with it
            self._ended(state.pid)
            was_running = True
        if self._starter is not None:
            self._starter.wait(STOP_SECONDS)
            self._starter = None
        self._clean_up()
        return was_running

    def _start_supervisor(self) -> None:
        self._dirs.create()
        self._clean_up()
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-m", "plinth_cli.laptop.supervisor"]
        with protocol.log_file(self._dirs, SUPERVISOR).open("ab") as log:
            starter = subprocess.Popen(
                [*command, "--root", str(self._dirs.root.absolute()), "--env", self._dirs.env],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environ,
                start_new_session=True,
                cwd="/",
            )
        self._starter = starter
        assert starter.stdout is not None
        with starter.stdout as stdout:
            answer = self._first_line(stdout)
        _raise_error(answer)

    def _first_line(self, stdout: IO[bytes]) -> dict[str, Any]:
        ready, _, _ = select.select([stdout], [], [], START_SECONDS)
        line = stdout.readline() if ready else b""
        if line:
            return json.loads(line)
        log = protocol.log_file(self._dirs, SUPERVISOR)
        last = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise PlinthError(f"The laptop's supervisor did not start. {last}", where=str(log))

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(protocol.socket_path(self._dirs)))
        except OSError:
            connection.close()
            raise
        return connection

    def _ask(self, request: dict[str, Any], progress: Callable[[str], None] | None = None) -> Any:
        try:
            with self._connect() as connection, connection.makefile("rb") as answers:
                connection.sendall(protocol.encode(request))
                for line in answers:
                    answer: dict[str, Any] = json.loads(line)
                    if "progress" not in answer:
                        _raise_error(answer)
                        return answer.get("result")
                    if progress is not None:
                        progress(answer["progress"])
        except (FileNotFoundError, ConnectionError):
            raise _NotRunningError from None
        except TimeoutError:
            raise PlinthError(
                "The laptop's supervisor does not answer.",
                where=str(protocol.log_file(self._dirs, SUPERVISOR)),
                fix="End it with: plinth down local",
            ) from None
        raise _NotRunningError

    def _ended(self, pid: int) -> bool:
        """Wait for the supervisor's end; return whether it came."""
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end:
            if self._starter is not None:
                self._starter.poll()
            if not processes.alive(pid):
                return True
            time.sleep(0.05)
        return False

    def _clean_up(self) -> None:
        """Remove what a supervisor that was killed left behind, secrets above all; not under one that runs."""
        if not self._dirs.run.is_dir():
            return
        with (self._dirs.run / "supervisor.lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            protocol.state_file(self._dirs).unlink(missing_ok=True)
            protocol.socket_path(self._dirs).unlink(missing_ok=True)
            remove_tree(self._dirs.run / "mounts")

    def _lines(self, path: Path, *, follow: bool) -> Iterator[str]:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(path.open(errors="replace"))
            while True:
                if line := file.readline():
                    yield line.rstrip("\n")
                elif not follow:
                    return
                elif path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                    file = stack.enter_context(path.open(errors="replace"))  # the log began anew
                elif not self.running:
                    yield from (rest.rstrip("\n") for rest in file)
                    return
                else:
                    time.sleep(FOLLOW_SECONDS)


class _NotRunningError(PlinthError):
    def __init__(self) -> None:
        super().__init__("The laptop is not running.", fix="Bring it up: plinth up local")


def _raise_error(answer: dict[str, Any]) -> None:
    if error := answer.get("error"):
        raise PlinthError(error["what"], error["where"], error["fix"])


def _statuses(raw: list[dict[str, Any]]) -> list[ProcessStatus]:
    return [ProcessStatus(**status) for status in raw]
