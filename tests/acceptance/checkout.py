"""A copy of the checkout in a temporary folder, and `plinth` run in it as a person would, without any network."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from plinth_cli.toolchain import Toolchain

ROOT = Path(__file__).parents[2]
LINKED = ("components", "examples", "policies", "tools", "docs", "cli", "runtime")
"""Folders that commands only read. Everything that they write to is copied."""
PATIENCE_SECONDS = 1000


def free_ports(count: int) -> list[int]:
    """Different ports on which nothing listens now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    args: tuple[str, ...]
    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)

    @property
    def said(self) -> str:
        """Everything that a person saw."""
        return self.out + self.err

    @property
    def doc(self) -> dict[str, Any]:
        """What `--json` printed."""
        return json.loads(self.out)

    @property
    def counts(self) -> dict[str, int]:
        """Resources per kind of change."""
        return self.doc["counts"]

    def ok(self) -> "Ran":
        """This, when it went well."""
        assert self.code == 0, f"plinth {' '.join(self.args)} ended with {self.code}:\n{self.said[-4000:]}"
        return self

    def changed(self) -> dict[str, str]:
        """Operation by `type name`, of what did not stay the same."""
        return {f"{item['type']} {item['name']}": item["operation"] for item in self.doc["changes"]}

    def properties(self, name: str) -> dict[str, dict[str, Any]]:
        """Changed properties of the only resource of this name that changes, by path."""
        (change,) = [item for item in self.doc["changes"] if item["name"] == name]
        return {item["path"]: item for item in change["properties"]}


@dataclass
class Checkout:
    """A clone of Plinth, as commands see it.

    Attributes:
        root: Its folder.
        environ: The variables that commands get: nothing of the person who runs the tests.
        mark: Held by the environment of every process that a command starts, however far down.
    """

    root: Path
    environ: dict[str, str] = field(repr=False)
    mark: str = field(default_factory=lambda: f"acceptance-{uuid.uuid4().hex}")

    @classmethod
    def make(cls, folder: Path, toolchain: Toolchain) -> "Checkout":
        """Copy what commands write beside, and link what they read."""
        root = folder / "plinth"
        root.mkdir(parents=True)
        for path in [*ROOT.glob("Pulumi*.yaml"), ROOT / "__main__.py"]:
            shutil.copy(path, root)
        shutil.copytree(ROOT / "stacks", root / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
        for name in LINKED:
            (root / name).symlink_to(ROOT / name)
        for name in ("home", "tmp", "cache"):
            (folder / name).mkdir()
        nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
        environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder / "tmp"),
            "PLINTH_CACHE": str(folder / "cache"),
            "PLINTH_PULUMI": str(toolchain.pulumi),
            # Whatever wants to leave this machine fails at once.
            **{
                name: nowhere
                for proxy in ("HTTP", "HTTPS", "ALL")
                for name in (f"{proxy}_PROXY", f"{proxy.lower()}_proxy")
            },
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        made = cls(root, environ)
        # HOME is the one variable that even the laptop's workloads keep, so it carries the mark.
        made.environ["HOME"] = str(folder / "home" / made.mark)
        Path(made.environ["HOME"]).mkdir()
        return made

    @property
    def temporary(self) -> Path:
        """Where commands put temporary files."""
        return Path(self.environ["TMPDIR"])

    def base(self, env: str) -> Path:
        """`.plinth/<env>`."""
        return self.root / ".plinth" / env

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start `plinth ARGS`."""
        return subprocess.Popen(
            [sys.executable, "-m", "plinth_cli", *args],
            cwd=self.root,
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def plinth(self, *args: str, **variables: str) -> Ran:
        """Run `plinth ARGS` to its end."""
        with self.start(*args, **variables) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE_SECONDS)
            except BaseException:
                process.kill()
                raise
        return Ran(args, process.returncode, out, err)

    def spec(self, env: str) -> dict[str, Any]:
        """The spec of an environment, as plain data."""
        return yaml.safe_load(self._file(env).read_text())["config"]["plinth:platform"]

    def edit_spec(self, env: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change an environment's spec in place."""
        document = yaml.safe_load(self._file(env).read_text())
        change(document["config"]["plinth:platform"])
        self._file(env).write_text(yaml.safe_dump(document, sort_keys=False))

    def edit_line(self, env: str, old: str, new: str) -> None:
        """Change a part of one line of an environment's file; an empty `new` takes the whole line out."""
        path = self._file(env)
        lines = path.read_text().splitlines(keepends=True)
        (found,) = [number for number, line in enumerate(lines) if old in line]
        lines[found] = lines[found].replace(old, new) if new else ""
        path.write_text("".join(lines))

    def program(self, text: str) -> None:
        """Replace the platform's program."""
        (self.root / "__main__.py").write_text(text)

    def _file(self, env: str) -> Path:
        return self.root / f"Pulumi.{env}.yaml"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One test process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Prepared:
    """An environment that was previewed, then brought up, once for every test process.

    Attributes:
        folder: `.plinth/<env>` as the update left it. Copied, never used.
        preview: The first preview.
        up: The update after it.
    """

    folder: Path
    preview: Ran
    up: Ran

    @classmethod
    def have(cls, env: str, shared: Path, toolchain: Toolchain) -> "Prepared":
        """Make it, or take what another test process made."""
        place = shared / f"prepared-{env}"
        told = place / "told.json"
        with locked(shared / f"prepared-{env}.lock"):
            if not told.exists():
                checkout = Checkout.make(place, toolchain)
                runs = [checkout.plinth(operation, env, "--rehearse", "--json") for operation in ("preview", "up")]
                told.write_text(json.dumps([[run.args, run.code, run.out, run.err] for run in runs]))
        preview, up = (Ran(tuple(args), *rest) for args, *rest in json.loads(told.read_text()))
        return cls(place / "plinth" / ".plinth" / env, preview, up)

    def copy_into(self, checkout: Checkout) -> None:
        """Give a checkout this environment, as if its `up` had been run there."""
        self.up.ok()
        checkout.base("x").parent.mkdir(exist_ok=True)
        shutil.copytree(self.folder, checkout.base(self.folder.name), symlinks=True)


def names_of(mapping: Mapping[str, str], operation: str) -> set[str]:
    """Keys that have this value."""
    return {key for key, value in mapping.items() if value == operation}
