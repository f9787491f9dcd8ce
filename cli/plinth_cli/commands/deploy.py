"""`plinth up | preview | destroy | refresh`."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plinth_cli.commands.reports import NO_FILES, Files
from plinth_cli.commands.specs import project_at
from plinth_cli.console import Console
from plinth_cli.engine.project import LOCAL, Project
from plinth_cli.engine.result import EXIT_OK, NEEDS, Operation, Result
from plinth_cli.errors import PlinthError

if TYPE_CHECKING:
    from plinth_cli.engine.session import Options


class Unconfirmed(PlinthError):
    """A real environment would change, and nobody said yes."""


def deploy(
    operation: Operation,
    env: str,
    *,
    rehearse: bool,
    yes: bool,
    as_json: bool,
    stack: Path | None,
    files: Files = NO_FILES,
) -> int:
    """Run one operation and show what it did; returns the exit code.

    Raises:
        PlinthError: It could not begin.
    """
    from plinth_cli.engine.session import run

    console = Console(quiet=as_json)
    project = project_at(stack)
    project.stack_file(env)
    if not rehearse and env != LOCAL:
        project.require_own(env)
    if env == LOCAL and project.is_platform and operation in ("up", "destroy"):
        from plinth_cli.commands import local

        result = local.up(project, console) if operation == "up" else local.destroy(project, console)
        code = finish(result, console, as_json=as_json)
        if operation == "up" and result.ok and not as_json:
            local.tell(project, console)
        return code
    real = not rehearse and env != LOCAL
    if real and operation != "preview" and not yes:
        code = _confirm(operation, env, project, console)
        if code is not None:
            return code
    options = replace(_options(env, project), with_needs=files.html is not None or bool(os.environ.get(NEEDS)))
    files.check()
    result = run(operation, env, project=project, rehearse=rehearse, console=console, options=options)
    files.write([result], project, console)
    return finish(result, console, as_json=as_json)


def _options(env: str, project: Project) -> "Options":
    """Work in the cloud that runs on this machine, if there is one: two on one journal would not agree."""
    from plinth_cli.engine.session import Options

    if env != LOCAL:
        return Options()
    from plinth_cli.commands import local

    return Options(aws_endpoint=local.endpoint(project))


def finish(result: Result, console: Console, *, as_json: bool) -> int:
    """Show a result in the form that was asked for; returns the exit code."""
    from plinth_cli.engine.display import show

    if as_json:
        console.say(json.dumps(result.document(), indent=2, ensure_ascii=False, default=str))
    else:
        show(result, console)
    return result.exit_code


def _confirm(operation: Operation, env: str, project: Project, console: Console) -> int | None:
    """Ask before a real environment changes; returns an exit code when nothing is to be done.

    Raises:
        Unconfirmed: There is nobody to ask.
    """
    import typer

    from plinth_cli.engine.display import show
    from plinth_cli.engine.session import run

    if not sys.stdin.isatty() or console.quiet:
        raise Unconfirmed(
            f"`plinth {operation} {env}` changes a real environment, and nobody is here to ask.",
            fix=f"Add --yes, or try it without any account: plinth {operation} {env} --rehearse",
        )
    if operation == "up":
        result = run("preview", env, project=project, rehearse=False, console=console)
        show(result, console)
        if not result.ok:
            return result.exit_code
    word = typer.prompt(f"To {operation} the real {env}, type its name", default="", show_default=False, err=True)
    if word.strip() != env:
        console.warn("Nothing was changed.")
        return EXIT_OK
    return None
