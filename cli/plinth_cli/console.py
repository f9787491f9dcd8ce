"""What a person sees: results on stdout, narration (progress, warnings, errors) on stderr.

On a terminal a running task is one live line with its elapsed time; in a pipe or a CI log the same task writes
a line when it starts, at most one every few seconds while it runs, and one when it ends. Nothing that takes
longer than that is ever silent.
"""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.status import Status
from rich.text import Text

from plinth_cli.errors import PlinthError

HEARTBEAT_SECONDS = 5.0
REFRESH_SECONDS = 0.5


def duration(seconds: float) -> str:
    """Format a duration: `0.4s`, `12s`, `3m 05s`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02d}s"


class Task:
    """A piece of work being narrated; the worker calls `update` with what it is doing now."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self.result = ""
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the task began."""
        return time.monotonic() - self._started

    def update(self, detail: str) -> None:
        """Say what is happening now; shown next to the title."""
        self.detail = detail

    def finish(self, result: str) -> None:
        """Set the words of the closing line (default: the title)."""
        self.result = result

    def line(self) -> str:
        """Return the line to show while it runs."""
        middle = f"  {self.detail}" if self.detail else ""
        return f"{self.title}{middle}  {duration(self.elapsed)}"


class Console:
    """Prints for people. `quiet` keeps warnings and errors only (used by `--json`)."""

    def __init__(self, *, quiet: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.quiet = quiet
        self.out = RichConsole(file=stdout, highlight=False, soft_wrap=True)
        self.err = RichConsole(file=stderr, stderr=stderr is None, highlight=False, soft_wrap=True)

    @property
    def interactive(self) -> bool:
        """Whether narration goes to a terminal."""
        return self.err.is_terminal and not self.err.is_dumb_terminal

    def say(self, text: str = "") -> None:
        """Print a line of the result on stdout, also when quiet; no markup is interpreted."""
        self.out.print(Text(text))

    def show(self, renderable: RenderableType) -> None:
        """Print a table or other rich renderable on stdout."""
        self.out.print(renderable, soft_wrap=False)

    def note(self, text: str) -> None:
        """Narrate a detail."""
        self._narrate(Text(text, style="dim"))

    def step(self, text: str) -> None:
        """Narrate the start of something short."""
        self._narrate(Text.assemble(("• ", "cyan"), text))

    def done(self, text: str) -> None:
        """Narrate a success."""
        self._narrate(Text.assemble(("✓ ", "green"), text))

    def warn(self, text: str, fix: str | None = None) -> None:
        """Warn, also when quiet; `fix` says what to do."""
        self.err.print(Text.assemble(("! ", "yellow"), text))
        if fix:
            self.err.print(Text(f"  fix:   {fix}"))

    def error(self, error: PlinthError) -> None:
        """Print what, where and what to do, also when quiet."""
        self.err.print(Text.assemble(("✗ ", "red"), (error.what, "bold")))
        for label, value in (("where:", error.where), ("fix:  ", error.fix)):
            if value:
                self.err.print(Text(f"  {label} " + value.replace("\n", "\n         ")))

    @contextmanager
    def task(self, title: str) -> Generator[Task]:
        """Narrate a piece of work that takes time; the closing line tells how long it took."""
        task = Task(title)
        stop = threading.Event()
        narrate = self._live if self.interactive else self._heartbeat
        thread = threading.Thread(target=narrate, args=(task, stop), daemon=True)
        if not self.quiet:
            thread.start()
        try:
            yield task
        except BaseException:
            self._end(thread, stop)
            self._narrate(Text.assemble(("✗ ", "red"), f"{title}  {duration(task.elapsed)}"))
            raise
        self._end(thread, stop)
        self.done(f"{task.result or title}  {duration(task.elapsed)}")

    def _end(self, thread: threading.Thread, stop: threading.Event) -> None:
        stop.set()
        if thread.is_alive():
            thread.join()

    def _live(self, task: Task, stop: threading.Event) -> None:
        with Status(Text(task.line()), console=self.err) as status:
            while not stop.wait(REFRESH_SECONDS):
                status.update(Text(task.line()))

    def _heartbeat(self, task: Task, stop: threading.Event) -> None:
        self.step(f"{task.title} …")
        while not stop.wait(HEARTBEAT_SECONDS):
            self.note(f"  {task.line()}")

    def _narrate(self, text: Text) -> None:
        if not self.quiet:
            self.err.print(text)
