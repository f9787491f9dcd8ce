"""Words of messages: paths, nearest names, values."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from plinth_cli.rehearsal.differ import join

LISTED = 12
"""Names that a message lists at most."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like the word, whatever the case; None when none is close."""
    names = {name.casefold(): name for name in known}
    folded = word.casefold()
    begins = (name for name in names if len(name) > 2 and (folded.startswith(name) or name.startswith(folded)))
    close = get_close_matches(folded, names, n=1) or sorted(begins, key=len, reverse=True)
    return names[close[0]] if close else None


def listed(names: Iterable[Any]) -> str:
    """The names, sorted and cut to a readable number."""
    ordered = sorted(str(name) for name in names)
    more = len(ordered) - LISTED
    return ", ".join(ordered[:LISTED]) + (f" and {more} more" if more > 0 else "")


def path_text(parts: Iterable[Any]) -> str:
    """A property path as Pulumi writes it: `spec.containers[0].image`, `data["a.b"]`."""
    text = ""
    for part in parts:
        text = f"{text}[{part}]" if isinstance(part, int) else join(text, part)
    return text


def kind_of(value: Any) -> str:
    """The JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "an integer", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return next((name for cls, name in names.items() if isinstance(value, cls)), "a value")
