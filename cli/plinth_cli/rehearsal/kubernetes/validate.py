"""Is this a valid Kubernetes object? As strict as the API server, and naming every mistake at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from jsonschema.exceptions import ValidationError

from plinth_cli.rehearsal.kubernetes import rules, schemas
from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.kubernetes.plain import HiddenStr, Object, plain
from plinth_cli.rehearsal.kubernetes.wording import kind_of, listed, nearest, path_text
from plinth_cli.rehearsal.values import UNKNOWN

_LIMITS = {
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    "minProperties": "must have at least {0} entries",
    "maxProperties": "must have at most {0} entries",
}
_FORMATS = {
    "int32": "must be a whole number of 32 bits",
    "int64": "must be a whole number of 64 bits",
    "byte": "must be base64 (for plain text use stringData)",
    "date-time": "must be a time like 2026-01-31T12:00:00Z",
}


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in an object."""

    path: str
    """Property path, for example `spec.template.spec.containers[0].imagee`."""
    reason: str
    """What is wrong and what is allowed; the nearest right word where there is one. Holds no secret value."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def validate_object(
    obj: Mapping[str, Any], kubernetes_version: str = schemas.DEFAULT_VERSION, *, patch: bool = False
) -> list[Problem]:
    """Returns everything that is wrong with the object, in the order of its paths; empty when it is valid.

    Args:
        obj: the object with apiVersion and kind. Marks of `rehearsal.values` are allowed in it: a Secret is checked
            but never printed, UNKNOWN passes.
        kubernetes_version: minor version, for example `1.36`.
        patch: the object sets only some fields, so that none is required.
    """
    checked = cast("Object", plain(obj))
    missing = [name for name in ("apiVersion", "kind") if not isinstance(checked.get(name), str)]
    if missing:
        return [Problem(name, "is required: a string") for name in missing]
    kind = Kind(checked["apiVersion"], checked["kind"], patch)
    try:
        validator = schemas.validator(kind.api_version, kind.name, kubernetes_version)
    except schemas.NoSchema as error:
        return [Problem("", str(error))]
    problems = {
        problem
        for error in validator.iter_errors(checked)
        if not (patch and error.validator == "required")
        for problem in _problems(error, checked)
    }
    broken = {problem.path for problem in problems}
    for path, reason in rules.check(kind, checked):
        problem = Problem(path_text(path), reason)
        if problem.path not in broken:
            problems.add(problem)
    return sorted(problems)


def _problems(error: ValidationError, root: Object) -> Iterator[Problem]:
    """A jsonschema error in the words of this module."""
    parts = list(error.absolute_path)
    instance: Any = error.instance
    word, allowed = str(error.validator), error.validator_value
    if instance is UNKNOWN or _blind(error):
        return
    if word == "additionalProperties":
        yield from _unknown_fields(parts, instance, cast("Mapping[str, Any]", error.schema))
    elif word == "required":
        yield from (
            Problem(path_text([*parts, name]), "is required")
            for name in cast("list[str]", allowed)
            if name not in instance and error.message.startswith(repr(name))
        )
    else:
        yield Problem(path_text(parts), _reason(word, allowed, instance, error))


def _reason(word: str, allowed: Any, instance: Any, error: ValidationError) -> str:
    if word == "type":
        names = [allowed] if isinstance(allowed, str) else list(cast("list[str]", allowed))
        wanted = " or ".join(name for name in names if name != "null")
        shown = "" if isinstance(instance, (dict, list)) else f" ({_shown(instance)})"
        return f"must be {wanted}, not {kind_of(instance)}{shown}"
    if word == "enum":
        near = nearest(instance, allowed) if isinstance(instance, str) else None
        hint = f"; did you mean {near}?" if near and not isinstance(instance, HiddenStr) else ""
        return f"must be one of {listed(allowed)}; it is {_shown(instance)}{hint}"
    if word == "pattern":
        return f"must match {allowed}; it is {_shown(instance)}"
    if word == "format":
        return f"{_FORMATS.get(str(allowed), f'must be a {allowed}')}; it is {_shown(instance)}"
    if word in _LIMITS:
        return _LIMITS[word].format(allowed)
    if word in ("oneOf", "anyOf"):
        return _alternatives(cast("list[Mapping[str, Any]]", allowed), instance)
    if word == "x-kubernetes-list-map-keys":
        return error.message
    return f"does not satisfy {word}"


def _alternatives(options: list[Mapping[str, Any]], instance: Any) -> str:
    types = {name for option in options for name in _types(option) if name != "null"}
    if types and all("type" in option for option in options):
        return f"must be {' or '.join(sorted(types))}, not {kind_of(instance)}"
    required = sorted({" and ".join(option["required"]) for option in options if "required" in option})
    return f"needs exactly one of {listed(required)}" if required else "is in none of the allowed forms"


def _types(option: Mapping[str, Any]) -> list[str]:
    found: Any = option.get("type", [])
    return [found] if isinstance(found, str) else list(found)


def _unknown_fields(parts: list[Any], instance: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    known = cast("Mapping[str, Any]", schema.get("properties", {}))
    for name in instance:
        if name in known:
            continue
        near = nearest(name, known)
        hint = f"did you mean {near}? " if near else ""
        yield Problem(path_text([*parts, name]), f"is no field of the API; {hint}allowed here: {listed(known)}")


def _blind(error: ValidationError) -> bool:
    """Whether an alternative failed only because a value inside it is not known yet."""
    return any(inner.instance is UNKNOWN for inner in error.context or ())


def _shown(value: Any) -> str:
    shown = str(value).lower() if isinstance(value, bool) else f"{value}"
    return f"'{shown}'" if isinstance(value, str) and not isinstance(value, HiddenStr) else shown
