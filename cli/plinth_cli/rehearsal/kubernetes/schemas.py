"""JSON schemas of Kubernetes objects, strict: a field that the API does not have is an error.

Built-in kinds come from the package `kubernetes-validate` (the OpenAPI document of each Kubernetes release), custom
kinds from the definitions that ship with the platform. A schema is read and compiled once, when the first object of
its kind comes.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Protocol, cast

import jsonschema
from jsonschema.exceptions import ValidationError

from plinth_cli.rehearsal.kubernetes import crds
from plinth_cli.rehearsal.kubernetes.enums import add_enums
from plinth_cli.rehearsal.kubernetes.wording import nearest
from plinth_cli.rehearsal.values import UNKNOWN

DEFAULT_VERSION = "1.36"
"""Kubernetes version that objects are checked against unless told otherwise."""

_SCHEMAS = resources.files("kubernetes_validate") / "kubernetes-json-schema"
_OBJECT_META = "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

Schema = Mapping[str, Any]


class Validator(Protocol):
    """What is used of a jsonschema validator."""

    def iter_errors(self, instance: Any) -> Iterable[ValidationError]:
        """Yields what is wrong with the instance."""
        ...


class NoSchema(Exception):
    """There is no schema for a kind. The message says what to do."""


def versions() -> list[str]:
    """Kubernetes versions with schemas, oldest first, for example `1.36`."""
    found = [re.fullmatch(r"v(\d+)\.(\d+)\.\d+-local-strict", item.name) for item in _SCHEMAS.iterdir()]
    numbers = sorted((int(match[1]), int(match[2])) for match in found if match)
    return [f"{major}.{minor}" for major, minor in numbers]


@cache
def validator(api_version: str, kind: str, version: str = DEFAULT_VERSION) -> Validator:
    """The compiled validator of a kind.

    Raises:
        NoSchema: the kind is in neither source, or the Kubernetes version is not known.
    """
    definitions = _definitions(version)
    entry = crds.find(api_version, kind)
    name = _built_in_kinds(version).get((api_version, kind))
    if entry is not None:
        schema = _close(crds.open_api_schema(entry, api_version.partition("/")[2]))
    elif name is not None:
        schema = definitions[name]
    else:
        raise NoSchema(_unknown_kind(api_version, kind, version))
    whole = {**_identified(schema, api_version, kind), "$defs": definitions}
    return cast("Validator", _Strict(whole, format_checker=_FORMATS))


@cache
def _definitions(version: str) -> Schema:
    if version not in versions():
        known = versions()
        raise NoSchema(f"no schemas for Kubernetes {version}; there are schemas for {known[0]} to {known[-1]}")
    file = _SCHEMAS / f"v{version}.0-local-strict" / "_definitions.json"
    definitions: Schema = json.loads(file.read_text())["$defs"]
    add_enums(definitions)
    return definitions


@cache
def _built_in_kinds(version: str) -> Mapping[tuple[str, str], str]:
    """Definition of each kind of object, by (apiVersion, kind)."""
    kinds: dict[tuple[str, str], str] = {}
    for name, definition in _definitions(version).items():
        if "metadata" not in definition.get("properties", {}):
            continue
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            api_version = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
            if not gvk["kind"].endswith("List"):
                kinds[(api_version, gvk["kind"])] = name
    return kinds


def _unknown_kind(api_version: str, kind: str, version: str) -> str:
    known = [f"{api} {name}" for api, name in (*crds.index(), *_built_in_kinds(version))]
    near = nearest(f"{api_version} {kind}", known)
    hint = f"; did you mean {near}?" if near else "."
    return (
        f"Kubernetes {version} has no kind {api_version} {kind}, and there is no schema for such a custom kind{hint} "
        "To add one, list its CustomResourceDefinition in tools/crds/sources.py and run tools/crds/fetch.py; "
        "it writes components/plinth/tables/crds"
    )


def _identified(schema: Schema, api_version: str, kind: str) -> Schema:
    """The schema with the fields that every object has."""
    identity = {
        "apiVersion": {"type": "string", "enum": [api_version]},
        "kind": {"type": "string", "enum": [kind]},
        "metadata": {"$ref": _OBJECT_META},
    }
    return {**schema, "properties": {**schema.get("properties", {}), **identity}}


# --- custom kinds: structural OpenAPI to strict JSON schema ------------------------------------------------------


def _close(schema: Schema) -> Schema:
    """The schema with its OpenAPI ways in JSON schema's words, and no field beyond those it names."""
    closed = dict(schema)
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    if properties:
        closed["properties"] = {name: _close(inner) for name, inner in properties.items()}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), Mapping):
            closed[key] = _close(schema[key]) if key != "not" else schema[key]
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("anyOf", None)
        closed["type"] = ["integer", "string"]
    if schema.get("nullable"):
        closed["type"] = [*_listed(closed.get("type", ())), "null"]
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if properties and not open_ended:
        closed["additionalProperties"] = False
    return closed


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


# --- what the API server checks beyond JSON schema --------------------------------------------------------------

# Schemas carry no defaults; this is the only one that is part of a list's key.
_KEY_DEFAULTS = {"protocol": "TCP"}


def _no_duplicates(_: Any, keys: list[str], instance: Any, __: Schema) -> Iterator[ValidationError]:
    """Keyword x-kubernetes-list-map-keys: no two items of the list have the same keys (server-side apply)."""
    if not isinstance(instance, list):
        return
    seen: dict[tuple[Any, ...], int] = {}
    for position, item in enumerate(cast("list[Any]", instance)):
        if not isinstance(item, Mapping):
            continue
        fields = cast("Mapping[str, Any]", item)
        key = tuple(fields.get(name, _KEY_DEFAULTS.get(name)) for name in keys)
        if any(part is UNKNOWN or isinstance(part, (dict, list)) for part in key):
            continue
        if key in seen:
            what = ", ".join(f"{name} {part}" for name, part in zip(keys, key, strict=True) if part is not None)
            error = ValidationError(f"duplicates item [{seen[key]}]: the same {what}", path=(position,))
            error.validator = "x-kubernetes-list-map-keys"
            yield error
        seen.setdefault(key, position)


def _in_bits(bits: int) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, int) or -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _is_base64(value: Any) -> bool:
    return not isinstance(value, str) or bool(
        re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", value.replace("\n", ""))
    )


def _is_time(value: Any) -> bool:
    try:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _formats() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    checks: dict[str, Callable[[Any], bool]] = {
        "int32": _in_bits(32),
        "int64": _in_bits(64),
        "byte": _is_base64,
        "date-time": _is_time,
    }
    for name, check in checks.items():
        checker.checks(name)(check)
    return checker


_FORMATS = _formats()
_jsonschema: Any = jsonschema  # its extension points are not typed
_Strict: Any = _jsonschema.validators.extend(
    _jsonschema.Draft202012Validator, {"x-kubernetes-list-map-keys": _no_duplicates}
)
