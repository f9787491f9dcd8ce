"""Checks inputs against the types of the SDK: what is unknown, missing, or of the wrong type.

Values that are not known yet are accepted anywhere. Values under a secret mark are checked like any other, but never
quoted in a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from plinth_cli.rehearsal.differ import join
from plinth_cli.rehearsal.package import Failure
from plinth_cli.rehearsal.shapes import (
    EnumOf,
    ListOf,
    MapOf,
    ObjectOf,
    OneOf,
    Property,
    Scalar,
    Shape,
    Type,
    camel_case,
    describe,
)
from plinth_cli.rehearsal.values import UNKNOWN, Archive, Asset, Reference, Secret, reveal

_LONGEST_QUOTE = 60


def check_inputs(shape: Shape, inputs: Mapping[str, Any], *, ignore: frozenset[str] = frozenset()) -> list[Failure]:
    """Returns every mistake in the inputs of a resource or function, in the order of the properties."""
    return list(_object("", shape, inputs, hidden=False, ignore=ignore))


def nearest(name: str, allowed: Sequence[str]) -> str | None:
    """The allowed name that was probably meant."""
    camel = camel_case(name)
    if camel != name and camel in allowed:
        return camel
    by_lower = {word.lower(): word for word in allowed}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def _object(
    path: str, shape: Shape, value: Mapping[str, Any], hidden: bool, ignore: frozenset[str] = frozenset()
) -> Iterator[Failure]:
    for name, item in value.items():
        if name in ignore:
            continue
        declared = shape.properties.get(name)
        if declared is None:
            yield Failure(join(path, name), _unknown_name(name, shape))
        elif item is not None:
            yield from _value(join(path, name), declared.type, item, hidden)
    for declared in shape.properties.values():
        if declared.required and value.get(declared.name) is None:
            yield Failure(join(path, declared.name), _missing(declared))


def _unknown_name(name: str, shape: Shape) -> str:
    if not shape.properties:
        return "there is no such property; none is allowed here"
    meant = nearest(name, list(shape.properties))
    hint = f"; did you mean {meant!r}?" if meant else "."
    return f"there is no such property{hint} Allowed: {', '.join(sorted(shape.properties))}"


def _missing(declared: Property) -> str:
    return f"is required but missing; it must be {describe(declared.type)}"


def _value(path: str, kind: Type, value: Any, hidden: bool) -> Iterator[Failure]:
    if isinstance(value, Secret):
        value, hidden = reveal(value), True
    if value is UNKNOWN or value is None or kind == Scalar("any"):
        return
    if isinstance(kind, OneOf):
        yield from _one_of(path, kind, value, hidden)
    elif not _fits(kind, value):
        shown = "" if hidden else f", not {_quote(value)}"
        yield Failure(path, f"must be {describe(kind)}{shown}")
    elif isinstance(kind, ObjectOf):
        yield from _object(path, kind.shape, value, hidden)
    elif isinstance(kind, ListOf):
        for index, item in enumerate(value):
            yield from _value(f"{path}[{index}]", kind.item, item, hidden)
    elif isinstance(kind, MapOf):
        for name, item in value.items():
            yield from _value(join(path, name), kind.item, item, hidden)


def _one_of(path: str, kind: OneOf, value: Any, hidden: bool) -> Iterator[Failure]:
    fitting = [option for option in kind.options if _fits(option, value)]
    if not fitting:
        shown = "" if hidden else f", not {_quote(value)}"
        yield Failure(path, f"must be {describe(kind)}{shown}")
        return
    complaints = [list(_value(path, option, value, hidden)) for option in fitting]
    yield from min(complaints, key=len)


def _fits(kind: Type, value: Any) -> bool:
    """Whether the value is of the kind, what is inside it aside."""
    if isinstance(kind, ObjectOf | MapOf):
        return isinstance(value, Mapping)
    if isinstance(kind, ListOf):
        return isinstance(value, list)
    if isinstance(kind, EnumOf):
        return value in kind.values
    if isinstance(kind, OneOf):
        return any(_fits(option, value) for option in kind.options)
    return _fits_scalar(kind.name, value)


def _fits_scalar(name: str, value: Any) -> bool:
    if name == "boolean":
        return isinstance(value, bool)
    if name in ("integer", "number"):
        allowed = int if name == "integer" else (int, float)
        return isinstance(value, allowed) and not isinstance(value, bool)
    if name == "string":
        return isinstance(value, str | Reference)  # a resource passed for its id
    if name == "asset":
        return isinstance(value, Asset | Archive)
    return True


def _quote(value: Any) -> str:
    """The value for a message; secrets inside it are not shown."""
    names = {bool: "the boolean", int: "the number", float: "the number", str: "the string"}
    if type(value) in names:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        return f"{names[type(value)]} {text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + '...'}"
    if isinstance(value, Mapping):
        return f"an object with {', '.join(cast('Mapping[str, Any]', value)) or 'no property'}"
    if isinstance(value, list):
        return f"a list of {len(cast('list[Any]', value))}"
    return f"a {type(value).__name__}"
