"""Types of properties, read from the annotations that Pulumi generates into its Python SDKs.

An input is annotated `pulumi.Input[Optional[Union[str, 'Color']]]`, which Python flattens into a union with awaitables
and outputs; nested objects are named by forward references to `XArgs` classes (and their TypedDict twins, and
`outputs.X`). This module turns that into a handful of plain classes.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ForwardRef, TypeVar, cast, get_args, get_origin

import pulumi


@dataclass(frozen=True)
class Scalar:
    """string, number, integer, boolean, any, or asset (a file or an archive)."""

    name: str


@dataclass(frozen=True)
class ListOf:
    """A list."""

    item: Type


@dataclass(frozen=True)
class MapOf:
    """A map with names that the program chooses."""

    item: Type


@dataclass(frozen=True)
class EnumOf:
    """One of a few values, nothing else."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ObjectOf:
    """A nested object; its shape is read when first needed."""

    cls: type

    @property
    def shape(self) -> Shape:
        return shape_of(self.cls)


@dataclass(frozen=True)
class OneOf:
    """Any of several types."""

    options: tuple[Type, ...]


Type = Scalar | ListOf | MapOf | EnumOf | ObjectOf | OneOf

STRING, NUMBER, INTEGER, BOOLEAN = Scalar("string"), Scalar("number"), Scalar("integer"), Scalar("boolean")
ANY, ASSET = Scalar("any"), Scalar("asset")

_FIXED = re.compile(
    r"forces? (a )?(new resource|new cluster|terraform to create|replacement)|recreates? the resource", re.IGNORECASE
)

_SCALARS: dict[Any, Scalar] = {str: STRING, float: NUMBER, int: INTEGER, bool: BOOLEAN, Any: ANY, object: ANY}


@dataclass(frozen=True)
class Property:
    """One property of a resource or of a nested object."""

    name: str
    """Name on the wire, `camelCase`."""
    type: Type
    required: bool
    """For an input, that it must be given; for an output, that the provider always returns it."""
    fixed: bool = False
    """The SDK's documentation says that a change needs a new resource."""


@dataclass(frozen=True)
class Shape:
    """The properties of an object by wire name."""

    name: str
    properties: Mapping[str, Property]


def describe(kind: Type) -> str:
    """The type in words, for messages."""
    if isinstance(kind, Scalar):
        return {"any": "any value", "asset": "a file (pulumi.Asset or pulumi.Archive)"}.get(
            kind.name, f"{'an' if kind.name[0] in 'aeiou' else 'a'} {kind.name}"
        )
    if isinstance(kind, ListOf):
        return f"a list, each item {describe(kind.item)}"
    if isinstance(kind, MapOf):
        return f"a map of names, each value {describe(kind.item)}"
    if isinstance(kind, EnumOf):
        return "one of " + ", ".join(repr(value) for value in kind.values)
    if isinstance(kind, ObjectOf):
        return "an object with " + ", ".join(kind.shape.properties)
    return " or ".join(describe(option) for option in kind.options)


def parse(annotation: Any, module: str) -> tuple[Type, bool]:
    """Returns the type, and whether None is allowed.

    Args:
        annotation: what stands after the colon, forward references included.
        module: name of the module in which forward references are looked up.
    """
    origin = get_origin(annotation)
    if isinstance(annotation, (str, ForwardRef)):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        return parse(_lookup(text, module), module)
    if isinstance(annotation, TypeVar):
        return ANY, False
    if annotation in _SCALARS:
        return _SCALARS[annotation], False
    if origin is pulumi.Output:
        return parse(get_args(annotation)[0], module)
    if _is_union(origin):
        return _parse_union(get_args(annotation), module)
    if origin in (Sequence, list):
        return ListOf(parse(get_args(annotation)[0], module)[0]), False
    if origin in (Mapping, dict):
        return MapOf(parse(get_args(annotation)[1], module)[0]), False
    return _parse_class(annotation), False


def _is_union(origin: Any) -> bool:
    return origin is typing.Union or getattr(origin, "__name__", "") == "UnionType"


def _parse_union(args: tuple[Any, ...], module: str) -> tuple[Type, bool]:
    optional = type(None) in args
    options: dict[Type, None] = {}
    for arg in args:
        if arg is type(None) or get_origin(arg) in (Awaitable, pulumi.Output) or _is_twin(arg):
            continue
        kind, inner_optional = parse(arg, module)
        optional = optional or inner_optional
        for option in kind.options if isinstance(kind, OneOf) else (kind,):
            options[option] = None
    if ANY in options or not options:
        return ANY, optional
    if STRING in options:  # `Union[str, 'Color']` lists known values without forbidding others
        options = {option: None for option in options if not isinstance(option, EnumOf)}
    return (next(iter(options)) if len(options) == 1 else OneOf(tuple(options))), optional


def _is_twin(arg: Any) -> bool:
    """TypedDicts, output classes and `Output[T]` repeat what the type beside them says."""
    if not isinstance(arg, ForwardRef):
        return False
    text = arg.__forward_arg__
    return text.endswith("ArgsDict") or text.startswith(("outputs.", "Output["))


def _parse_class(annotation: Any) -> Type:
    if not inspect.isclass(annotation):
        return ANY
    if issubclass(annotation, enum.Enum):
        return EnumOf(annotation.__name__, tuple(member.value for member in annotation))
    if issubclass(annotation, (pulumi.Asset, pulumi.Archive)):
        return ASSET
    if issubclass(annotation, pulumi.Resource):
        return ANY  # a reference: crosses the wire as an id, a URN or a Reference
    return ObjectOf(annotation)


def _lookup(text: str, module: str) -> Any:
    """Resolves `XArgs`, `outputs.X`, `_iam.PolicyDocumentArgs` from the module that mentions it."""
    namespace = vars(sys.modules[module])
    head, *rest = text.split(".")
    if head.isidentifier() and head in namespace:
        found: Any = namespace[head]
        for name in rest:
            found = getattr(found, name)
        return found
    if head == "outputs":
        return _lookup(".".join(rest), f"{module.rpartition('.')[0]}.outputs")
    return eval(text, dict(namespace))  # noqa: S307  annotation of an installed SDK, e.g. 'Sequence[str]'


@cache
def shape_of(cls: type) -> Shape:
    """Shape of a generated class: `XArgs` (inputs), or an output class, or a resource class (outputs)."""
    required = _required_arguments(cls)
    properties: dict[str, Property] = {}
    for python_name, getter in _getters(cls):
        name = getattr(getter, "_pulumi_name", None) or camel_case(python_name)
        kind, optional = parse(getter.__annotations__.get("return", Any), getter.__module__)
        needed = not optional if required is None else python_name in required
        properties[name] = Property(name, kind, needed, bool(_FIXED.search(getter.__doc__ or "")))
    return Shape(cls.__name__, properties)


def _getters(cls: type) -> list[tuple[str, Callable[..., Any]]]:
    found: dict[str, Callable[..., Any]] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] == "pulumi":
            continue  # `id` and `urn` of pulumi.Resource belong to the engine
        for name, member in vars(base).items():
            if isinstance(member, property) and member.fget is not None:
                getter = member.fget
                found[name] = getattr(getter, "_pulumi_deprecated_callable", None) or getter
    return list(found.items())


def _required_arguments(cls: type) -> frozenset[str] | None:
    """Keyword arguments without a default; None for classes whose constructor does not tell (outputs)."""
    if not cls.__name__.endswith("Args"):
        return None
    parameters = inspect.signature(cast("Callable[..., Any]", cls.__init__)).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)


def camel_case(name: str) -> str:
    """`dhcp_options_id` -> `dhcpOptionsId`; a trailing underscore (a Python keyword) is dropped."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
