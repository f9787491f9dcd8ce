"""What a sample of a rule is, and how its inputs are changed."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DROP = object()
"""As a new value: take the property away."""

DIGEST = "@sha256:" + "0123456789abcdef" * 4
CANARY = "canary-5f1b7c0d9e"

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Bad:
    """A change, and what the message about it must say."""

    path: Path
    value: Any
    says: str
    presence: bool = False
    """Whether the rule is about the property being there at all, so that an unknown value passes."""


@dataclass(frozen=True)
class Sample:
    rule: str
    type: str
    good: dict[str, Any]
    bad: list[Bad]
    protect: bool = False
    also_good: list[tuple[Path, Any]] = field(default_factory=list)


def changed(props: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of the properties with one of them replaced, added or dropped."""
    root = copy.deepcopy(props)
    holder: Any = root
    for step in path[:-1]:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    if value is DROP:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return root


def paths(value: Any, prefix: Path = ()) -> Iterator[Path]:
    """The path of every property at any depth."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*prefix, key)
        yield from paths(value[key], (*prefix, key))
