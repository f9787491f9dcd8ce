"""One mistake in a spec, and the error that lists all of them."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHORTEST_ABBREVIATION = 3
"""Letters from which on the beginning of a word counts as the word."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, what was given, what is allowed, and the nearest right word."""

    path: str
    """Where, for example `gpu_pools[0].max_gpus`."""
    value: object
    """What was given; None where nothing was."""
    allowed: str
    """What is allowed there."""
    nearest: str | None = None
    """The right word that looks most like the value."""

    def __str__(self) -> str:
        stop = "" if self.allowed.endswith((".", "?")) else "."
        if self.value is None:
            return f"{self.path}: missing: {self.allowed}{stop}"
        text = repr(self.value)
        shown = text if len(text) <= 60 else text[:57] + "..."
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.path}: {shown} is not allowed: {self.allowed}{stop}{hint}"


class SpecError(ValueError):
    """A spec with mistakes. `problems` has every one of them."""

    def __init__(self, problems: Sequence[Problem], source: str = "the platform spec") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{count} in {source}:\n{lines}")


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that looks most like `word` or alone begins with it, such as production for prod."""
    candidates = {item.lower(): item for item in allowed}
    found = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    if not found and len(word) >= SHORTEST_ABBREVIATION:
        begun = [item for item in candidates if item.startswith(word.lower())]
        found = begun if len(begun) == 1 else []
    return candidates[found[0]] if found else None
