"""Commands that need the spec and no engine: validate, schema, envs."""

import difflib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from plinth_cli.console import Console
from plinth_cli.engine.checkpoint import StackFiles
from plinth_cli.engine.project import LOCAL, Project
from plinth_cli.errors import PlinthError

if TYPE_CHECKING:
    from plinth.spec import PlatformSpec

SPEC_KEY = "platform"
"""Configuration key of the spec, within the project's namespace."""

PRODUCTION = "prod"
"""Environment that the reference pages take as their example."""


def platform(stack: Path | None = None) -> Project:
    """Return the platform's project, also when called from a team stack's folder."""
    project = Project.load(stack)
    return project if project.is_platform else Project.load(project.platform_root)


def project_at(stack: Path | None) -> Project:
    """Return the project in a folder; with no folder, the one that the working directory is in.

    Raises:
        PlinthError: There is none. One further up is not taken: a misspelt folder must not mean the platform.
    """
    project = Project.load(stack)
    if stack is not None and project.root != stack.resolve():
        raise PlinthError(
            "There is no Pulumi.yaml in this folder.",
            str(stack),
            "Give the folder of a team stack, e.g. stacks/search.",
        )
    return project


def raw_spec(project: Project, env: str) -> object:
    """Return what an environment's file says under the spec's key.

    Raises:
        PlinthError: It has no such key.
    """
    config, key = project.config(env), f"{project.name}:{SPEC_KEY}"
    if key not in config:
        path = project.stack_file(env)
        close = difflib.get_close_matches(key, config, n=1)
        if close:
            raise PlinthError(f"There is no `{key}` in `config`.", str(path), f"Rename `{close[0]}` to `{key}`.")
        what = "The file is empty." if not path.read_text().strip() else f"There is no `{key}` in `config`."
        raise PlinthError(what, str(path), f"Write the spec under `config:`, `{key}:`, as Pulumi.{LOCAL}.yaml does.")
    return config[key]


def read_spec(project: Project, env: str) -> "PlatformSpec":
    """Return the spec of an environment.

    Raises:
        PlinthError: No such environment, or its file has no spec.
        SpecError: The spec has mistakes.
    """
    from plinth.spec import load_spec

    return load_spec(raw_spec(project, env), f"Pulumi.{env}.yaml")


def validate(envs: list[str]) -> int:
    """Check the spec of each environment; 1 when one has mistakes.

    Raises:
        PlinthError: An environment does not exist, or its file is not YAML.
    """
    from plinth.spec import Problem, SpecError, load_spec

    project = platform()
    console = Console()
    failed = False
    for env in envs or [*project.environments(), *project.examples()]:
        path = project.stack_file(env)
        try:
            spec = load_spec(raw_spec(project, env), path.name)
            if spec.environment.name != env:
                allowed = f"the same as the file's: '{env}'"
                raise SpecError([Problem("environment.name", spec.environment.name, allowed)], path.name)
        except SpecError as error:
            failed = True
            console.error(PlinthError(str(error)))
        else:
            sizes = {"model": len(spec.models), "tenant": len(spec.tenants), "GPU pool": len(spec.gpu_pools)}
            told = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in sizes.items())
            console.say(f"✓ {path.name}: {told}")
    return 1 if failed else 0


def schema(*, write: bool) -> int:
    """Print the JSON Schema of an environment's file, or write it and the reference pages to where they are kept."""
    from plinth import train
    from plinth.cluster import flows_page
    from plinth.spec import reference
    from plinth.spec import schema as editors

    if not write:
        Console().say(editors.render().rstrip())
        return 0
    project = platform()
    pages = {editors.SCHEMA_PATH: editors.render(), reference.REFERENCE_PATH: reference.render()}
    pages[train.PATH] = train.render()
    if PRODUCTION in project.environments():
        pages[flows_page.PATH] = flows_page.render(read_spec(project, PRODUCTION))
    for kept, text in pages.items():
        path = project.root / kept
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        Console().say(f"Wrote {path}")
    return 0


def environments(*, as_json: bool, stack: Path | None) -> int:
    """List the environments of a project, and what is rehearsed of each."""
    project = project_at(stack)
    rows = [(env, *_rehearsed(project, env)) for env in project.environments()]
    console = Console()
    if as_json:
        console.say(
            json.dumps([{"name": env, "rehearsedResources": n, "rehearsedAt": at} for env, n, at in rows], indent=2)
        )
        return 0
    if not rows:
        raise PlinthError("The project has no environment.", str(project.root), "Write a Pulumi.<env>.yaml.")
    width = max(len(env) for env, _, _ in rows)
    for env, count, at in rows:
        kind = "runs on this machine" if env == LOCAL else "real"
        told = f"{count} resources rehearsed, {at}" if count else "not rehearsed yet"
        console.say(f"{env:<{width}}  {kind:<20}  {told}")
    return 0


def _rehearsed(project: Project, env: str) -> tuple[int, str | None]:
    """How many resources the rehearsal's state holds, and when it was written."""
    files = StackFiles(project.shared_dirs(env).state, project.name, env)
    try:
        count = sum("::pulumi:" not in urn for urn, _ in files.resources())
    except PlinthError:
        return 0, None
    if not count:
        return 0, None
    return count, time.strftime("%Y-%m-%d %H:%M", time.localtime(files.state.stat().st_mtime))
