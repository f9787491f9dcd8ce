"""A rehearsal from outside: the processes it needs, and the environment that attaches the engine to them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from plinth_cli.rehearsal.children import Child


class Rehearsal:
    """Context manager: inside it, an engine that gets `environ` runs on stand-in providers.

    Start it from the main thread: Linux ends a child when the thread that started it ends.

    Args:
        env_dir: folder of the environment (`.plinth/<env>`); journal, ledger and logs live in it.
        aws_endpoint: URL of a running cloud (see `cloud`); None starts one for the duration.
        passphrase: encrypts the cloud's journal.
        adopt: URNs whose creation a killed update had begun: what exists of them is taken over instead of made twice.

    Raises:
        PlinthError: a process did not start, or the passphrase does not fit the journal.
    """

    def __init__(
        self, env_dir: Path, aws_endpoint: str | None, passphrase: str, adopt: frozenset[str] = frozenset()
    ) -> None:
        self._env_dir = env_dir
        self._passphrase = passphrase
        self._adopt = adopt
        self._stack = ExitStack()
        self.aws_endpoint = aws_endpoint
        """URL of the cloud, once entered."""
        self.environ: dict[str, str] = {}
        """What to add to the environment of the engine."""
        self.ports: dict[str, int] = {}
        """Port of the provider of each package."""

    def __enter__(self) -> Self:
        with ExitStack() as started:
            if self.aws_endpoint is None:
                self.aws_endpoint = self._start_cloud(started)
            self.ports = self._start_providers(started, self.aws_endpoint)
            self._stack = started.pop_all()
        attached = ",".join(f"{name}:{port}" for name, port in sorted(self.ports.items()))
        self.environ = {"PULUMI_DEBUG_PROVIDERS": attached}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start_cloud(self, started: ExitStack) -> str:
        journal = self._env_dir / "cloud" / "journal"
        child = Child(
            "plinth_cli.rehearsal.cloud",
            ["--journal", str(journal)],
            log=self._env_dir / "cloud" / "cloud.log",
            environ={"PLINTH_JOURNAL_KEY": self._passphrase},
        )
        started.callback(child.stop)
        return f"http://127.0.0.1:{child.ready['port']}"

    def _start_providers(self, started: ExitStack, aws_endpoint: str) -> dict[str, int]:
        arguments = ["--env-dir", str(self._env_dir), "--aws-endpoint", aws_endpoint]
        arguments += [f"--adopt={urn}" for urn in sorted(self._adopt)]
        child = Child("plinth_cli.rehearsal.server", arguments, log=self._env_dir / "cloud" / "providers.log")
        started.callback(child.stop)
        return dict(child.ready["providers"])
