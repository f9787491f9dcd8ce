"""A playground on the real engine: stand-in providers, a moto cloud, and stacks in a file backend of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from pulumi import automation

from plinth_cli.console import Console
from plinth_cli.rehearsal import Rehearsal
from plinth_cli.toolchain import ensure_pulumi

PASSPHRASE = "correct horse battery staple"
REGION = "eu-central-1"

Program = Callable[[], None]


@dataclass
class Outcome:
    """What an operation on a stack did."""

    changes: dict[str, int]
    """Resources per operation: create, update, replace, delete, same."""
    outputs: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    """Everything the engine printed."""
    error: str | None = None


@dataclass
class Playground:
    """Runs programs on the engine against one rehearsal."""

    folder: Path
    env_dir: Path
    rehearsal: Rehearsal
    environ: dict[str, str]
    project: str = "playground"
    stacks: dict[str, automation.Stack] = field(default_factory=dict)

    def stack(self, name: str, program: Program) -> automation.Stack:
        if name not in self.stacks:
            work_dir = self.folder / "projects" / name
            work_dir.mkdir(parents=True)
            options = automation.LocalWorkspaceOptions(
                work_dir=str(work_dir),
                env_vars=self.environ,
                project_settings=automation.ProjectSettings(name=self.project, runtime="python"),
            )
            self.stacks[name] = automation.create_or_select_stack(
                name, project_name=self.project, program=program, opts=options
            )
            self.stacks[name].set_config("aws:region", automation.ConfigValue(REGION))
        self.stacks[name].workspace.program = program
        return self.stacks[name]

    def up(self, name: str, program: Program) -> Outcome:
        return self._run(name, program, "up")

    def preview(self, name: str, program: Program) -> Outcome:
        return self._run(name, program, "preview")

    def destroy(self, name: str) -> Outcome:
        return self._run(name, lambda: None, "destroy")

    def refresh(self, name: str, program: Program) -> Outcome:
        return self._run(name, program, "refresh")

    def _run(self, name: str, program: Program, operation: str) -> Outcome:
        stack = self.stack(name, program)
        printed: list[str] = []
        try:
            result = getattr(stack, operation)(on_output=printed.append, on_error=printed.append, color="never")
        except automation.CommandError as error:
            return Outcome({}, text="\n".join(printed), error=str(error))
        if operation == "preview":
            return Outcome({str(kind): count for kind, count in result.change_summary.items()}, text="\n".join(printed))
        changes = dict(result.summary.resource_changes or {})
        outputs = {key: value.value for key, value in getattr(result, "outputs", {}).items()}
        return Outcome(changes, outputs, "\n".join(printed))

    def state(self, name: str) -> str:
        """The state file of a stack as it is on the disk."""
        (path,) = (self.folder / "state").rglob(f"{self.project}/{name}.json")
        return path.read_text()

    def aws(self, service: str) -> Any:
        """A boto3 client of the rehearsal's cloud."""
        return boto3.client(
            service,
            endpoint_url=self.rehearsal.aws_endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="session")
def engine_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a Pulumi engine that touches nothing outside a temporary folder."""
    toolchain = ensure_pulumi(Console())
    folder = tmp_path_factory.mktemp("engine")
    (folder / "state").mkdir()
    os.environ["PATH"] = f"{toolchain.pulumi.parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder}/state",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory, engine_environ: dict[str, str]) -> Iterator[Playground]:
    env_dir = tmp_path_factory.mktemp("environment")
    with Rehearsal(env_dir, None, PASSPHRASE) as rehearsal:
        folder = Path(engine_environ["PULUMI_HOME"]).parent
        yield Playground(folder, env_dir, rehearsal, {**engine_environ, **rehearsal.environ})


@pytest.fixture
def stack_name(request: pytest.FixtureRequest) -> str:
    """A stack of its own for each test."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
