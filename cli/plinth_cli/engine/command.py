"""The Pulumi CLI as the Automation API starts it, under a keeper, so that it never outlives us."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from plinth_cli.engine import keeper
from plinth_cli.toolchain import Toolchain

OnOutput = Callable[[str], Any]


class EngineCommand(PulumiCommand):
    """Runs `pulumi` commands. Ctrl-C asks the engine to stop; a second one ends it.

    Args:
        toolchain: The CLI to start.
        grace: Seconds that the engine gets to finish what is in flight when this process dies.
        isolated: Keep the user's PULUMI_* variables from it.
        unprotected: Let `destroy` delete what is protected, too.
        on_start: Called with the process id of each command's keeper.
        on_interrupt: Called with how many times Ctrl-C was pressed.

    Attributes:
        interrupted: Whether somebody pressed Ctrl-C while a command ran.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        *,
        grace: float = 0.0,
        isolated: bool = False,
        unprotected: bool = False,
        on_start: Callable[[int], None] = lambda _: None,
        on_interrupt: Callable[[int], None] = lambda _: None,
    ) -> None:
        # Not calling super().__init__: it starts the CLI once more, only to ask for the version that we know.
        self.command = str(toolchain.pulumi)
        self.version = VersionInfo.parse(toolchain.version.removeprefix("v"))
        self.interrupted = False
        self._grace = grace
        self._isolated = isolated
        self._unprotected = unprotected
        self._on_start = on_start
        self._on_interrupt = on_interrupt

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command to its end.

        Raises:
            CommandError: It failed.
        """
        if self._unprotected and args[0] == "destroy":
            args = [*args, "--ignore-protect"]  # the Automation API has no argument for it
        keep = [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(self._grace)]
        with subprocess.Popen(
            [*keep, self.command, "--non-interactive", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**self._inherited(), **additional_env, "PULUMI_AUTOMATION_API": "true"},
            encoding="utf-8",
            errors="replace",
        ) as process:
            self._on_start(process.pid)
            out = _Reader(process.stdout, on_output)
            err = _Reader(process.stderr, on_error)
            code = self._wait(process)
            result = CommandResult(stdout=out.finish(), stderr=err.finish(), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    def _inherited(self) -> dict[str, str]:
        """Our environment; for a rehearsal without the user's own Pulumi settings (backend, tokens, parallelism)."""
        return {
            name: value for name, value in os.environ.items() if not (self._isolated and name.startswith("PULUMI_"))
        }

    def _wait(self, process: subprocess.Popen[str]) -> int:
        """Wait for the end; Ctrl-C goes to the keeper, which hands it to the engine."""
        presses = 0
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                presses += 1
                self.interrupted = True
                if presses <= 2:
                    process.send_signal(signal.SIGINT)
                else:
                    keeper.kill_members(process.pid)
                self._on_interrupt(presses)


class _Reader:
    """Collects one output stream in a thread of its own."""

    def __init__(self, stream: IO[str] | None, callback: OnOutput | None) -> None:
        assert stream is not None  # both are pipes
        self._stream = stream
        self._callback = callback
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            stripped = line.rstrip()
            if self._callback:
                self._callback(stripped)
            self._lines.append(stripped)

    def finish(self) -> str:
        self._thread.join()
        return "\n".join(self._lines)
