"""Child processes of the rehearsal: started, waited for, stopped, and never left behind."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plinth_cli.errors import PlinthError

READY_SECONDS = 60.0
"""How long a child may take to serve; a cold start compiles the SDKs' bytecode."""
_STOP_SECONDS = 8.0
_LOG_LINES = 15


class Child:
    """A Python module run as a process that says in one line of JSON when it serves.

    Args:
        module: run with `python -m`; it must take `--parent PID` and end with its standard input.
        log: file for its standard error, appended to.
        environ: variables added to our own.

    Raises:
        PlinthError: it did not start, or reported an error.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {**os.environ, **(environ or {})}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode, every start compiles the SDKs again
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments, "--parent", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=variables,
                start_new_session=True,  # Ctrl-C is for the CLI, which lets the engine finish what it is creating
            )
        try:
            self.ready: Mapping[str, Any] = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def _wait_until_ready(self) -> Mapping[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        line = b""
        until = time.monotonic() + READY_SECONDS
        while not line.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise self._failure(f"did not serve within {READY_SECONDS:.0f} s")
            part = os.read(stdout.fileno(), 65536)
            if not part:
                self._process.wait()
                raise self._failure(f"ended at once with exit code {self._process.returncode}")
            line += part
        answer = json.loads(line)
        if "error" in answer:
            raise self._failure(f"could not start: {answer['error']}")
        return answer

    def _failure(self, what: str) -> PlinthError:
        tail = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if self._log.exists() else []
        said = "".join(f"\n  | {line}" for line in tail)
        return PlinthError(
            f"{self._module} {what}.{said}",
            where=str(self._log),
            fix="Run `plinth doctor`; the log above says what stopped it.",
        )

    def stop(self) -> None:
        """Ends the process: gracefully, and after a few seconds in any case. Calling it again does nothing."""
        process = self._process
        if process.stdin and not process.stdin.closed:
            process.stdin.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout and not process.stdout.closed:
            process.stdout.close()
