"""A Pulumi project on disk: the platform, or a team's stack."""

import difflib
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from plinth_cli.errors import PlinthError
from plinth_cli.paths import PROJECT_FILE, EnvDirs, repo_root

LOCAL = "local"
"""The environment of the laptop: always rehearsed."""


EXAMPLES = "examples"
"""Folder with environments of other kinds of company."""


class UnknownEnvironment(PlinthError):
    """The command named an environment that has no configuration file."""


@dataclass(frozen=True)
class Project:
    """A folder with a Pulumi.yaml.

    Attributes:
        root: That folder.
        name: The project's name.
        settings: What Pulumi.yaml says.
        platform_root: The platform's folder: `root` itself, or the nearest one above that has a Pulumi.yaml. State and
            policies are kept there.
    """

    root: Path
    name: str
    settings: Mapping[str, Any]
    platform_root: Path

    @classmethod
    def load(cls, start: Path | None = None) -> "Project":
        """Read the project that `start` (default: the working directory) is in.

        Raises:
            PlinthError: There is no Pulumi.yaml, or it cannot be read or has no name.
        """
        if start is not None and not start.is_dir():
            raise PlinthError(
                "There is no such folder.", str(start), "Give the folder of a team stack, e.g. stacks/search."
            )
        root = repo_root(start)
        settings = read_yaml(root / PROJECT_FILE)
        name = settings.get("name")
        if not isinstance(name, str) or not name:
            raise PlinthError(
                "The project has no name.", str(root / PROJECT_FILE), "Add a line such as `name: plinth`."
            )
        return cls(root, name, settings, _platform_root(root))

    @property
    def is_platform(self) -> bool:
        """Whether this is the platform itself rather than a team's stack."""
        return self.root == self.platform_root

    @property
    def main(self) -> Path:
        """The program's file: `main` of Pulumi.yaml, or __main__.py."""
        main = self.root / str(self.settings.get("main", "."))
        return main / "__main__.py" if main.is_dir() else main

    def environments(self) -> list[str]:
        """Return the environments that have a Pulumi.<env>.yaml, sorted; the laptop's comes first."""
        return sorted(_environments(self.root), key=lambda name: (name != LOCAL, name))

    def examples(self) -> list[str]:
        """Return the environments in `examples/`, sorted: they can be rehearsed, and nothing more."""
        return sorted(_environments(self.root / EXAMPLES))

    def stack_file(self, env: str) -> Path:
        """Return the configuration file of an environment, or of an example.

        Raises:
            UnknownEnvironment: There is none; the message names those that exist.
        """
        known, examples = self.environments(), self.examples()
        if env in known:
            return self.root / f"Pulumi.{env}.yaml"
        if env in examples:
            return self.root / EXAMPLES / f"Pulumi.{env}.yaml"
        known += examples
        close = difflib.get_close_matches(env.lower(), known, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        fix = f"Use one of: {', '.join(known)}." if known else f"Write {self.root / f'Pulumi.{env}.yaml'}."
        raise UnknownEnvironment(f"There is no environment '{env}' in project {self.name}.{hint}", str(self.root), fix)

    def require_own(self, env: str) -> None:
        """Refuse an example where a real account is meant.

        Raises:
            PlinthError: It is one; the message says how to make it an environment.
        """
        path = self.stack_file(env)
        if path.parent != self.root:
            raise PlinthError(
                f"'{env}' is an example: it can be rehearsed only.",
                str(path),
                f"Add --rehearse; or copy the file to {self.root / path.name}, and set account, roles and images.",
            )

    def config(self, env: str) -> dict[str, Any]:
        """Return the `config` section of an environment's file, keys qualified with the project's name."""
        path = self.stack_file(env)
        config: Any = read_yaml(path).get("config") or {}
        if not isinstance(config, dict):
            raise PlinthError("`config` must be a mapping.", str(path))
        mapping = cast(dict[str, Any], config)
        return {key if ":" in key else f"{self.name}:{key}": value for key, value in mapping.items()}

    def dirs(self, env: str) -> EnvDirs:
        """Where this project's own part of a rehearsal lives: scratch project, lock, logs."""
        return EnvDirs(self.platform_root, env if self.is_platform else f"{self.name}.{env}")

    def shared_dirs(self, env: str) -> EnvDirs:
        """Where state, passphrase, stand-in cloud and manifests live: the platform's, for team stacks too."""
        return EnvDirs(self.platform_root, env)

    def program(self) -> None:
        """Run the program as `pulumi up` would: its __main__.py, with its folder first on the import path."""
        if not self.main.is_file():
            raise PlinthError(
                "The project has no program.", str(self.main), "Write the file, or set `main` in Pulumi.yaml."
            )
        folder = str(self.main.parent)
        sys.path.insert(0, folder)
        try:
            runpy.run_path(str(self.main), run_name="__main__")
        finally:
            if folder in sys.path:
                sys.path.remove(folder)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML's own way is that the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        PlinthError: It is missing, not YAML, or not a mapping; names file and line.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader, and stricter
    except OSError as error:
        raise PlinthError(f"Cannot read the file: {error.strerror}.", str(path)) from error
    except UnicodeDecodeError as error:
        raise PlinthError("The file is not UTF-8 text.", str(path), "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        # What was begun and never ended, such as a quote, is to be looked for where it began.
        mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise PlinthError(f"This is not valid YAML: {problem}.", f"{path}{line}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise PlinthError("The file must hold a mapping.", str(path))
    return cast(dict[str, Any], data)


def _environments(folder: Path) -> set[str]:
    """The ENV of every Pulumi.ENV.yaml in a folder."""
    prefix, suffix = PROJECT_FILE.removesuffix("yaml"), ".yaml"
    return {
        path.name.removeprefix(prefix).removesuffix(suffix)
        for path in folder.glob(f"{prefix}*{suffix}")
        if path.name != PROJECT_FILE
    }


def _platform_root(root: Path) -> Path:
    for folder in root.parents:
        if (folder / PROJECT_FILE).is_file():
            return folder
    return root
