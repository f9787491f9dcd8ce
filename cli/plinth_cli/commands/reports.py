"""Reports as files: for a pull request, for a browser."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plinth_cli.console import Console
from plinth_cli.engine.project import Project
from plinth_cli.engine.result import Result
from plinth_cli.errors import PlinthError

if TYPE_CHECKING:
    from plinth_cli.report.markdown import Links


@dataclass(frozen=True)
class Files:
    """Where reports go.

    Attributes:
        markdown: File for a pull request's comment; None for none.
        html: File for a browser; None for none.
    """

    markdown: Path | None = None
    html: Path | None = None

    def check(self) -> None:
        """Find out before the work whether the files can be written.

        Raises:
            PlinthError: One cannot.
        """
        for file in filter(None, (self.markdown, self.html)):
            if file.is_dir() or not file.absolute().parent.is_dir():
                raise PlinthError(f"{file} cannot be written.", fix="Name a file in a folder that exists.")

    def write(self, results: Sequence[Result], project: Project, console: Console) -> None:
        """Write the reports that were asked for.

        Raises:
            PlinthError: A file cannot be written.
        """
        if not (self.markdown or self.html):
            return
        from plinth_cli.report import build, html, markdown
        from plinth_cli.report.places import Places

        made = [build.report(result, Places.of_file(project.stack_file(result.environment))) for result in results]
        operations = " and ".join(sorted({result.operation for result in results})) or "nothing"
        title = f"{project.name}: {operations} of " + ", ".join(result.environment for result in results)
        if self.markdown:
            _put(self.markdown, markdown.comment(made, _links()), console)
        if self.html:
            _put(self.html, html.page(made, title), console)


NO_FILES = Files()
"""No report is written."""


def _put(file: Path, text: str, console: Console) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlinthError(f"{file} could not be written: {error.strerror}.") from error
    console.note(f"  report: {file}")


def _links() -> "Links":
    """Addresses on GitHub, as its workflows tell them in the environment."""
    from plinth_cli.report.markdown import Links

    server, repository, commit = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA"))
    source = f"{server}/{repository}/blob/{commit}/{{file}}#L{{line}}" if server and repository and commit else ""
    return Links(commit=commit, full=os.environ.get("PLINTH_REPORT_URL", ""), source=source)
