"""`plinth diff`: what a change of the repository would do."""

import json
from collections.abc import Sequence

from plinth_cli.commands.reports import Files
from plinth_cli.commands.specs import platform
from plinth_cli.console import Console


def diff(ref: str, ref2: str | None, environments: Sequence[str], *, as_json: bool, files: Files) -> int:
    """Show what the second commit, or the working tree, would change; returns the gravest exit code.

    Raises:
        PlinthError: It could not be found out.
    """
    from plinth_cli.compare import run
    from plinth_cli.engine.display import show

    files.check()
    project = platform()
    console = Console(quiet=as_json)
    comparison = run.plan(project, ref, ref2, environments)
    results = run.compare(comparison, console) if comparison.environments else []
    files.write(results, project, console)
    if as_json:
        document = {
            "version": "v1",
            "base": comparison.base.commit,
            "head": comparison.head.commit or None,
            "environments": [result.document() for result in results],
        }
        console.say(json.dumps(document, indent=2, ensure_ascii=False, default=str))
    for result in results:
        show(result, console)
    if not results:
        console.show(
            f"No environment is touched by what lies between {comparison.base.short} and {comparison.head.short}."
        )
    return max((result.exit_code for result in results), default=0)
