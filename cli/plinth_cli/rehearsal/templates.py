"""Outputs that a cloud would assign, made from tables of templates and the types of the SDK.

A template is a string such as `arn:aws:ec2:{region}:{account}:vpc/{id}`. Its fields are facts of the call (`region`,
`account`, `id`, `name`, ...), inputs (`in.engine`, or `in.engine|mysql` with a default), outputs computed before it
(`out.arn`), and `uuid`, `hex8`, `HEX17`, `digits12`, ... with an optional tag (`hex17.default`): digits that stay the
same for one incarnation of the resource. A template that names an unknown input gives an unknown output. Lists and
dicts hold templates; everything else stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from plinth_cli.rehearsal.package import Call
from plinth_cli.rehearsal.shapes import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    EnumOf,
    ListOf,
    MapOf,
    ObjectOf,
    OneOf,
    Shape,
    Type,
)
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, has_secret, reveal

_FIELD = re.compile(r"\{([a-zA-Z][\w.]*)(?:\|([^}]*))?\}")
_DIGITS = re.compile(r"(hex|HEX|digits)(\d+)$")
_ASSIGNED = frozenset(
    {"id", "name", "logical", "account", "region", "region_code", "partition", "service", "kind", "uuid"}
)
"""Facts that an update does not change."""


class Facts:
    """What templates of one resource can refer to."""

    def __init__(self, call: Call, inputs: Props, **known: Any) -> None:
        self.call = call
        self.inputs = inputs
        self.outputs: Props = {}
        self.known: Props = known

    def get(self, field: str) -> Any:
        """The value of a field; None when there is none."""
        head, _, tail = field.partition(".")
        digits = _DIGITS.match(head)
        if digits:
            return _digits(digits[1], int(digits[2]), self.call.digest(tail))
        if head == "uuid":
            return str(UUID(self.call.digest(f"uuid {tail}")[:32], version=4))
        if head in ("in", "out"):
            return _dig(self.inputs if head == "in" else self.outputs, tail)
        known = self.known.get(field)
        return known() if callable(known) else known


def _digits(kind: str, length: int, digest: str) -> str:
    if kind in ("hex", "HEX"):
        text = (digest * (length // len(digest) + 1))[:length]
        return text.upper() if kind == "HEX" else text
    return str(int(digest, 16)).rjust(length, "1")[-length:].replace("0", "7")


def _dig(props: Any, path: str) -> Any:
    value = props
    for key in path.split("."):
        value = value.value if isinstance(value, Secret) else value
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, list):
            items = cast("list[Any]", value)
            value = items[int(key)] if key.isdigit() and int(key) < len(items) else None
        else:
            value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def render(template: Any, facts: Facts) -> Any:
    """Fills in a template. What is made of a secret is secret; what is made of an unknown is unknown."""
    if isinstance(template, str):
        return _render_text(template, facts)
    if isinstance(template, Mapping):
        return {key: render(item, facts) for key, item in cast("Mapping[str, Any]", template).items()}
    if isinstance(template, list):
        return [render(item, facts) for item in cast("list[Any]", template)]
    if callable(template):
        return cast("Callable[[Facts], Any]", template)(facts)
    return template


def _render_text(template: str, facts: Facts) -> Any:
    whole = _FIELD.fullmatch(template)
    if whole:
        value = facts.get(whole[1])
        return (whole[2] or None) if value is None else value
    parts: list[Any] = []

    def fill(match: re.Match[str]) -> str:
        value = facts.get(match[1])
        value = match[2] if value is None else value
        parts.append(value)
        plain = reveal(value)
        return str(plain).lower() if isinstance(plain, bool) else str(plain)

    text = _FIELD.sub(fill, template)
    if any(value is UNKNOWN or reveal(value) is UNKNOWN for value in parts):
        return UNKNOWN
    return Secret(text) if has_secret(parts) else text


def follows_inputs(template: Any) -> bool:
    """Whether the output changes when an input does, without a replacement."""
    if isinstance(template, str):
        fields = {match[1].partition(".")[0] for match in _FIELD.finditer(template)}
        return any(field not in _ASSIGNED and not _DIGITS.match(field) for field in fields)
    if isinstance(template, Mapping):
        return any(follows_inputs(item) for item in cast("Mapping[str, Any]", template).values())
    if isinstance(template, list):
        return any(follows_inputs(item) for item in cast("Sequence[Any]", template))
    return callable(template)


def complete(
    shape: Shape,
    given: Mapping[str, Any],
    fill: Callable[[str, Type], Any],
    also: frozenset[str] = frozenset(),
    path: str = "",
) -> Props:
    """Adds every property that the provider always returns, at any depth.

    Args:
        shape: the properties that there can be.
        given: what is known already.
        fill: makes a value for a property path and its type; None leaves the property out.
        also: paths of optional properties that are returned too, wherever their parent is.
        path: where in the resource the object is.
    """
    whole: Props = dict(given)
    for name, declared in shape.properties.items():
        here = f"{path}.{name}" if path else name
        if whole.get(name) is not None:
            whole[name] = _complete_inside(declared.type, whole[name], fill, also, here)
        elif declared.required or here in also:
            value = fill(here, declared.type)
            if value is not None:
                whole[name] = value
    return whole


def _complete_inside(kind: Type, value: Any, fill: Callable[[str, Type], Any], also: frozenset[str], path: str) -> Any:
    if isinstance(value, Secret):
        return Secret(_complete_inside(kind, value.value, fill, also, path))
    if isinstance(kind, ObjectOf) and isinstance(value, Mapping):
        return complete(kind.shape, cast("Mapping[str, Any]", value), fill, also, path)
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [_complete_inside(kind.item, item, fill, also, path) for item in cast("list[Any]", value)]
    return value


def placeholder(kind: Type, text: str) -> Any:
    """A value of the type for an output that no table knows: empty, zero, false, or the given text."""
    if kind in (STRING, ANY):
        return text
    if kind in (INTEGER, NUMBER):
        return 0
    if kind == BOOLEAN:
        return False
    if isinstance(kind, ListOf):
        return []
    if isinstance(kind, MapOf):
        return {}
    if isinstance(kind, EnumOf):
        return kind.values[0]
    if isinstance(kind, OneOf):
        return placeholder(kind.options[0], text)
    if isinstance(kind, ObjectOf):
        return complete(kind.shape, {}, lambda path, inner: placeholder(inner, text))
    return None
