"""Every field of every typed custom resource is one that the kind's definition has, with its type and values."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pulumi
import pytest

from plinth import definitions, kinds, versions
from plinth.kinds.base import CustomKind, Part

SCALARS: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
}


def all_kinds() -> list[type[CustomKind]]:
    for module in pkgutil.iter_modules(kinds.__path__):
        importlib.import_module(f"plinth.kinds.{module.name}")
    found = [kind for kind in _below(CustomKind) if hasattr(kind, "KIND") and kind.__module__.startswith("plinth.")]
    return sorted(found, key=lambda kind: kind.KIND)


def _below(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def spec_schema(kind: type[CustomKind]) -> Mapping[str, Any]:
    group, _, version = kind.API_VERSION.partition("/")
    found = [each for each in definitions.index().values() if (each.group, each.kind) == (group, kind.KIND)]
    assert found, f"no definition of {kind.API_VERSION} {kind.KIND}"
    assert version in found[0].versions, f"{kind.KIND} is served as {', '.join(found[0].versions)}, not {version}"
    assert (found[0].scope == "Namespaced") == kind.NAMESPACED
    served = definitions.read(found[0])["spec"]["versions"]
    schema = next(each for each in served if each["name"] == version)["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]


def problems(part: type[Part], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    free = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if free and not properties:
        return
    for name, field in part.model_fields.items():
        alias = field.alias or name
        if alias in properties:
            yield from _mismatch(field.annotation, properties[alias], f"{path}.{alias}")
        elif not free:
            yield f"{path}.{alias} is no field; there are {', '.join(sorted(properties))}"
    for needed in schema.get("required", ()):
        given = {field.alias or name for name, field in part.model_fields.items()}
        if needed not in given and "default" not in properties.get(needed, {}):
            yield f"{path}.{needed} is required and the model has no such field"


def _mismatch(annotation: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        for each in arguments:
            if each is not NoneType and get_origin(each) is not pulumi.Output and each is not pulumi.Output:
                yield from _mismatch(each, schema, path)
    elif origin is Literal:
        for value in arguments:
            allowed = schema.get("enum")
            if allowed is not None and value not in allowed:
                yield f"{path}: {value!r} is not among {allowed}"
            yield from _mismatch(type(value), schema, path)
    elif isinstance(annotation, type) and issubclass(annotation, Part):
        yield from _typed(schema, "object", path)
        yield from problems(annotation, schema, path)
    elif isinstance(annotation, type) and annotation in SCALARS:
        yield from _typed(schema, SCALARS[annotation], path)
    elif origin in (list, tuple) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        yield from _typed(schema, "array", path)
        if arguments and "items" in schema:
            yield from _mismatch(arguments[0], schema["items"], f"{path}[]")
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _typed(schema, "object", path)
        inner = schema.get("additionalProperties")
        if isinstance(inner, Mapping) and len(arguments) == 2:
            yield from _mismatch(arguments[1], inner, f"{path}.*")


def _typed(schema: Mapping[str, Any], wanted: str | tuple[str, ...], path: str) -> Iterator[str]:
    either = schema.get("x-kubernetes-int-or-string") and wanted in (("string",), ("integer", "number"))
    declared = schema.get("type")
    if either or declared is None or declared == wanted or declared in wanted:
        return
    yield f"{path} is {declared} in the definition, not {wanted}"


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.KIND)
def test_every_field_is_one_of_the_definition(kind):
    assert not list(problems(kind, spec_schema(kind), kind.KIND))


def test_every_kind_that_the_train_names_has_that_version():
    served = {
        (f"{each.group}/{version}", each.kind) for each in definitions.index().values() for version in each.versions
    }
    assert {(api, kind) for kind, api in versions.API.items()} <= served


def test_a_wrong_field_type_and_value_are_found():
    class Wrong(Part):
        templat: str | None = None
        weight: str | None = None
        disruption: Literal["Never"] | None = None

    class NodePool(CustomKind):
        API_VERSION = "karpenter.sh/v1"
        KIND = "NodePool"
        NAMESPACED = False

    found = "\n".join(problems(Wrong, spec_schema(NodePool), "NodePool"))
    assert "NodePool.templat is no field; there are disruption, limits" in found
    assert "NodePool.weight is integer in the definition, not ('string',)" in found
    assert "NodePool.disruption is object in the definition" in found
    assert "NodePool.template is required" in found
