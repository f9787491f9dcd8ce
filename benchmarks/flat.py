"""A program with no components, plans or spec: it registers, one after the other, what the platform registers.

python -m benchmarks.flat record prod FILE     what the platform registers, from the state of a rehearsal
python -m benchmarks.flat platform prod FILE   seconds that the engine needs for a preview of the platform
python -m benchmarks.flat flat prod FILE       ... of the same registrations from FILE
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi

_ADDED = ("tagsAll", "__defaults")
"""What providers add to inputs."""


def record(env: str, target: Path) -> None:
    """Bring an environment up in rehearsal, and write down from its state what it registered."""
    plinth = [sys.executable, "-m", "plinth_cli", "up", env, "--rehearse"]
    subprocess.run(plinth, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = json.loads(next(Path(".plinth").rglob(f"stacks/plinth/{env}.json")).read_text())
    rows = [
        {
            "type": item["type"],
            "name": item["urn"].rpartition("::")[2],
            "custom": item["custom"],
            "inputs": _without_ciphertext({k: v for k, v in item.get("inputs", {}).items() if k not in _ADDED}),
        }
        for item in state["checkpoint"]["latest"]["resources"]
        if item["type"] != "pulumi:pulumi:Stack"
    ]
    target.write_text(json.dumps(rows))


def _without_ciphertext(value: Any) -> Any:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return "secret" if "ciphertext" in found else {key: _without_ciphertext(item) for key, item in found.items()}
    return [_without_ciphertext(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def flat(rows: list[dict[str, Any]]) -> None:
    """Register each row, with its package's provider and no parent."""
    # The flat program is one that a person would write with the same SDKs, so it imports them too.
    from plinth import program  # noqa: F401 - for its imports alone

    providers: dict[str, pulumi.ProviderResource] = {}
    for row in rows:
        token, name, inputs = row["type"], row["name"], row["inputs"]
        if token.startswith("pulumi:providers:"):
            package = token.rpartition(":")[2]
            providers[package] = pulumi.ProviderResource(package, name, inputs)
        elif row["custom"]:
            options = pulumi.ResourceOptions(provider=providers.get(token.partition(":")[0]))
            pulumi.CustomResource(token, name, inputs, options)
        else:
            pulumi.ComponentResource(token, name, inputs)


@dataclass(frozen=True)
class _Program:
    """Stands where a project would be: the same files, another program."""

    project: Any
    program: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.project, name)


def seconds(kind: str, env: str, recording: Path) -> float:
    """Seconds that the engine needs for a first preview; no policies, so that only the programs differ."""
    from plinth_cli.console import Console
    from plinth_cli.engine import sdk, session, workspace
    from plinth_cli.engine.command import EngineCommand
    from plinth_cli.engine.project import Project
    from plinth_cli.rehearsal import Rehearsal
    from plinth_cli.toolchain import ensure_pulumi

    project = Project.load(Path.cwd())
    rows = json.loads(recording.read_text())
    program = project.program if kind == "platform" else lambda: flat(rows)
    dirs = project.dirs(env)
    scratch = workspace.prepare(project, env)
    command = EngineCommand(ensure_pulumi(Console()), isolated=True)
    with Rehearsal(dirs.base, None, scratch.passphrase) as rehearsal:
        stack = workspace.open_rehearsal(scratch, command, program, rehearsal.environ)
        with sdk.quiet():  # as `plinth` runs it
            started = time.monotonic()
            stack.preview(parallel=session.PARALLEL)
            return time.monotonic() - started


if __name__ == "__main__":
    action, environment, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if action == "record":
        record(environment, file)
    else:
        print(seconds(action, environment, file))
