"""Why an operation failed, as the one thing to tell."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plinth_cli.engine import failure
from plinth_cli.engine.project import Project
from plinth_cli.engine.result import Problem, Result
from plinth_cli.errors import PlinthError

if TYPE_CHECKING:
    from pulumi.automation.errors import CommandError


def verdict(
    result: Result, project: Project, kept: failure.Captured, error: "CommandError", secrets: Sequence[str]
) -> PlinthError | None:
    """Say why the engine failed, from whoever knows best: a provider, a policy, the program or the engine itself.

    Args:
        result: What is known so far; `log` is set when a traceback was written.
        project: The project that ran.
        kept: What the program raised.
        error: How the engine's command ended.
        secrets: Values to keep out of the log.

    Returns:
        The error to show; None when the violations of policies say it all.
    """
    env = result.environment
    errors = [problem for problem in result.problems if problem.error]
    if errors:
        return _resource_errors(result, project, errors)
    if result.mandatory:
        return None  # the violations say it all
    if kept.first is not None:
        roots = [project.root, project.platform_root]
        log = failure.write_log(kept.first, project.dirs(env).base / "logs", secrets)
        result.log = str(log.relative_to(project.platform_root))
        return failure.explain(kept.first, roots, project.stack_file(env))
    from plinth_cli.engine.workspace import last_words

    return PlinthError(f"The engine could not {result.operation} {env}: {last_words(error)}.", str(project.root))


def _resource_errors(result: Result, project: Project, errors: list[Problem]) -> PlinthError:
    """One line per failure, each naming resource and property."""
    unknown = next((p for p in errors if "unknown stack" in p.message or "no stack named" in p.message), None)
    if unknown and not project.is_platform:
        return PlinthError(
            f"{unknown.message}.".replace("..", "."),
            fix=f"Bring the platform up first: plinth up {result.environment}"
            + (" --rehearse" if result.rehearsed else ""),
        )
    lines = [describe(problem) for problem in errors]
    if len(lines) == 1:
        return PlinthError(lines[0])
    return PlinthError(f"{len(lines)} errors:\n" + "\n".join(f"  - {line}" for line in lines))


def describe(problem: Problem) -> str:
    """Return `<type> <name>, property <path>: <message>`."""
    if not problem.urn:
        return problem.message
    kind, name = problem.urn.split("::", 3)[2].rsplit("$", 1)[-1], problem.urn.rsplit("::", 1)[-1]
    named = problem.property and problem.property not in problem.message
    return f"{kind} {name}" + (f", property {problem.property}" if named else "") + f": {problem.message}"
