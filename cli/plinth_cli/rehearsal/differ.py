"""Difference of two sets of inputs, property by property, as a provider reports it in `detailedDiff`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from plinth_cli.rehearsal.values import UNKNOWN, Archive, Asset, Props, Secret, unwrap

_MISSING = object()


class Change(Enum):
    """What happened to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """How new inputs differ from the old ones."""

    changes: Mapping[str, Change] = field(default_factory=dict[str, Change])
    """By property path."""
    replaces: frozenset[str] = frozenset()
    """Those of the paths that cannot be changed in place."""
    delete_before_replace: bool = False
    """The name is taken until the old one is gone."""


def difference(
    old: Props,
    new: Props,
    *,
    immutable: Iterable[str] = (),
    delete_before_replace: bool = False,
) -> Difference:
    """Compares inputs with the inputs of the last update.

    Args:
        immutable: property paths without list indices (`settings.mode`, `rules.name`); a change at or below one of
            them needs a replacement.
        delete_before_replace: whether a replacement must delete first.
    """
    changes = dict(_compare("", old, new))
    fixed = tuple(immutable)
    replaces = frozenset(path for path in changes if any(_under(path, prefix) for prefix in fixed))
    return Difference(changes, replaces, bool(replaces) and delete_before_replace)


def join(path: str, key: str) -> str:
    """Appends a key to a property path the way Pulumi writes it: `tags["a.b"]` for a key that is not a plain word."""
    if key.replace("_", "a").replace("-", "a").replace("$", "a").isalnum():
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'


def _under(path: str, prefix: str) -> bool:
    """Whether the path, list indices ignored, is the prefix or lies below it."""
    plain: list[str] = []
    depth = 0
    for char in path:
        depth += (char == "[") - (char == "]" and depth > 0)
        if depth == 0 and char != "]":
            plain.append(char)
    bare = "".join(plain)
    return bare == prefix or bare.startswith(f"{prefix}.") or prefix.startswith(f"{bare}.")


def _compare(path: str, old: Any, new: Any) -> Iterator[tuple[str, Change]]:
    old, new = _settled(old), _settled(new)
    if old is _MISSING and new is _MISSING:
        return
    if old is _MISSING:
        yield path, Change.ADD
    elif new is _MISSING:
        yield path, Change.DELETE
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in sorted(before.keys() | after.keys()):
            yield from _compare(join(path, key), before.get(key, _MISSING), after.get(key, _MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(path, cast("list[Any]", old), cast("list[Any]", new))
    elif new is UNKNOWN or not _same(old, new):
        yield path, Change.UPDATE


def _compare_lists(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[str, Change]]:
    for index in range(max(len(old), len(new))):
        before = old[index] if index < len(old) else _MISSING
        after = new[index] if index < len(new) else _MISSING
        yield from _compare(f"{path}[{index}]", before, after)


def _settled(value: Any) -> Any:
    """A property set to null is one that is not there; secrecy is no difference (the engine tracks it)."""
    inner = unwrap(value)
    while isinstance(inner, Secret):
        inner = inner.value
    if isinstance(inner, Asset | Archive) and inner.hash:
        return inner.hash  # the engine leaves the content of old files out
    return _MISSING if inner is None else inner


def _same(old: Any, new: Any) -> bool:
    """Equality in which true is not 1, as on the wire."""
    return isinstance(old, bool) == isinstance(new, bool) and old == new
