"""Projects on disk that the real engine runs, with a small policy pack of their own."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from plinth_cli.console import Console
from plinth_cli.engine import display, session
from plinth_cli.engine.project import Project
from plinth_cli.engine.result import Operation, Result
from plinth_cli.policyenv import PolicyEnv, ensure_policy_env
from plinth_cli.toolchain import Toolchain, ensure_pulumi

CANARY = "canary-7f3a91-do-not-show"

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def forbidden(args, report):
    if args.name.startswith("forbidden"):
        report("Rename it.")

def odd(args, report):
    if args.name.startswith("odd"):
        report("Think again.")

PolicyPack("tiny", enforcement_level=EnforcementLevel.MANDATORY, policies=[
    ResourceValidationPolicy(name="no-forbidden", description="Names must not be forbidden.", validate=forbidden),
    ResourceValidationPolicy(
        name="no-odd", description="Odd names.", validate=odd, enforcement_level=EnforcementLevel.ADVISORY
    ),
])
"""

COMPONENT = """
import os
import pulumi
import pulumi_random as random

class Box(pulumi.ComponentResource):
    def __init__(self, name, props=None, opts=None):
        super().__init__("plinth:index:Box", name, props or {}, opts)
        self.register_outputs({})
"""


@dataclass
class Told:
    """What a run said and did."""

    result: Result
    out: str
    err: str


@dataclass
class Place:
    """A Pulumi project in a temporary folder."""

    root: Path
    toolchain: Toolchain
    analyzer: Path
    cache: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def write(self, program: str, config: str = "config: {}\n", env: str = "dev") -> None:
        """Write program and configuration."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
        (self.root / f"Pulumi.{env}.yaml").write_text(config)
        (self.root / "__main__.py").write_text(COMPONENT + dedent(program))
        pack = self.root / "policies"
        pack.mkdir(exist_ok=True)
        (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
        (pack / "__main__.py").write_text(PACK)

    def run(self, operation: Operation = "up", env: str = "dev", **options: object) -> Told:
        """Run one rehearsed operation in this process."""
        out, err = io.StringIO(), io.StringIO()
        console = Console(stdout=out, stderr=err)
        policies = PolicyEnv(self.root / "policies", self.analyzer)
        choices = session.Options(toolchain=self.toolchain, policies=policies)
        project = Project.load(self.root)
        result = session.run(operation, env, project=project, rehearse=True, console=console, options=choices)
        display.show(result, console)
        return Told(result, out.getvalue(), err.getvalue())

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `plinth ARGUMENTS` to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `plinth ARGUMENTS`."""
        environ = {
            **os.environ,
            **self.environ,
            "PLINTH_CACHE": str(self.cache),
            "PLINTH_PULUMI": str(self.toolchain.pulumi),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "plinth_cli", *arguments],
            cwd=self.root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def base(self) -> Path:
        """Where the rehearsal of dev lives."""
        return self.root / ".plinth" / "dev"


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    return ensure_pulumi(Console())


@pytest.fixture(scope="session")
def analyzer() -> Path:
    return ensure_policy_env(Console()).bin_dir


@pytest.fixture
def place(tmp_path: Path, toolchain: Toolchain, analyzer: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PLINTH_CACHE", str(tmp_path / "cache"))
    return Place(tmp_path / "demo", toolchain, analyzer, tmp_path / "cache")
