"""A small typed algebra over declared metadata fields. Each engine compiles it; no text of a caller becomes a query.

Build filters with `Eq`, `In`, `Range`, `Exists`, `And`, `Or` and `Not`. Logic has two values: a record without the
field satisfies no comparison, and so satisfies its negation.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plinth_runtime.vectors.config import Collection, FieldType
from plinth_runtime.vectors.errors import InvalidRequestError

Value = str | int | float | bool
"""What a field holds."""

MOST_VALUES = 500
"""Most values of one `In`, and most parts of one `And` or `Or`."""

MOST_DEPTH = 16
"""Deepest nesting of a filter."""

LARGEST_INTEGER = 2**53
"""Above it, engines that keep numbers as 64-bit floats could not tell neighbors apart."""


@dataclass(frozen=True, slots=True)
class Eq:
    """The field holds this value."""

    field: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """The field holds one of these values."""

    field: str
    values: tuple[Value, ...]

    def __init__(self, field: str, values: Iterable[Value]) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "values", tuple(values))


@dataclass(frozen=True, slots=True)
class Range:
    """The field lies within these bounds; for integer and number fields."""

    field: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def bounds(self) -> dict[str, float]:
        """The bounds that are set, by name."""
        named = {"gt": self.gt, "gte": self.gte, "lt": self.lt, "lte": self.lte}
        return {name: bound for name, bound in named.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Exists:
    """The record has the field."""

    field: str


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; with no parts, always."""

    parts: tuple["Filter", ...]

    def __init__(self, *parts: "Filter") -> None:
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Some part holds; with no parts, never."""

    parts: tuple["Filter", ...]

    def __init__(self, *parts: "Filter") -> None:
        object.__setattr__(self, "parts", parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter = Eq | In | Range | Exists | And | Or | Not
"""A filter."""


@dataclass(frozen=True, slots=True)
class NotIn:
    """Normal form only: the record has the field, with none of these values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Normal form only: the record has not the field."""

    field: str


@dataclass(frozen=True, slots=True)
class All:
    """Normal form only: every part holds, at least two."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Normal form only: some part holds, at least two."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Never:
    """Normal form only: no record."""


Node = In | NotIn | Range | Exists | Missing | All | AnyOf | Never
"""What engines compile: no negation above a comparison, no empty list. `None` beside it means every record."""


def normalize(where: Filter | None, collection: Collection) -> Node | None:
    """Check a filter against the collection's fields, and push negations down to the comparisons.

    Raises:
        InvalidRequestError: a field that is not declared, a value of another type, or too large a filter.
    """
    if where is None:
        return None
    types = {field.name: field.type for field in collection.fields}
    node = _node(where, types, collection.name, negated=False, depth=0)
    return None if node is True else Never() if node is False else node


def _node(
    where: object, types: Mapping[str, FieldType], collection: str, *, negated: bool, depth: int
) -> "Node | bool":
    if depth > MOST_DEPTH:
        raise InvalidRequestError(f"the filter is nested deeper than {MOST_DEPTH}")
    if isinstance(where, Not):
        return _node(where.part, types, collection, negated=not negated, depth=depth + 1)
    if isinstance(where, And | Or):
        _limit(where.parts)
        parts = [_node(part, types, collection, negated=negated, depth=depth + 1) for part in where.parts]
        return _join(parts, every=isinstance(where, And) != negated)
    if isinstance(where, Eq | In | Range | Exists):
        return _comparison(where, _type(where.field, types, collection), negated=negated)
    raise InvalidRequestError(f"{type(where).__name__} is not a filter", fix="Use Eq, In, Range, Exists, And, Or, Not")


def _comparison(where: Eq | In | Range | Exists, kind: FieldType, *, negated: bool) -> "Node | bool":
    name = where.field
    if isinstance(where, Exists):
        return Missing(name) if negated else where
    if isinstance(where, Range):
        return _range(where, kind, negated=negated)
    values = where.values if isinstance(where, In) else (where.value,)
    _limit(values)
    for value in values:
        check_value(name, kind, value)
    if not values:
        return negated
    unique = tuple(dict.fromkeys(values))
    return AnyOf((NotIn(name, unique), Missing(name))) if negated else In(name, unique)


def _range(where: Range, kind: FieldType, *, negated: bool) -> "Node | bool":
    name, bounds = where.field, where.bounds()
    if kind not in ("integer", "number"):
        raise InvalidRequestError(f"field {name} is of type {kind}, and ranges are for integers and numbers")
    if not bounds:
        raise InvalidRequestError(f"the range of field {name} has no bound", fix="Use Exists for any value")
    for bound in bounds.values():
        check_value(name, "number", bound)
    if not negated:
        return where
    opposite = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}
    outside = [Range(name, **{opposite[bound]: value}) for bound, value in bounds.items()]
    return AnyOf((*outside, Missing(name)))


def _join(parts: "Sequence[Node | bool]", *, every: bool) -> "Node | bool":
    """The parts joined; constants and nested joins of the same kind are folded."""
    kept: list[Node] = []
    for part in parts:
        if isinstance(part, bool):
            if part != every:
                return part
        elif isinstance(part, All if every else AnyOf):
            kept.extend(part.parts)
        else:
            kept.append(part)
    unique = tuple(dict.fromkeys(kept))
    if not unique:
        return every
    if len(unique) == 1:
        return unique[0]
    return All(unique) if every else AnyOf(unique)


def _type(name: object, types: Mapping[str, FieldType], collection: str) -> FieldType:
    if not isinstance(name, str) or name not in types:
        known = ", ".join(sorted(types)) or "none"
        raise InvalidRequestError(
            f"collection {collection} declares no metadata field {name!r:.80}", fix=f"It declares: {known}"
        )
    return types[name]


def _limit(parts: Sequence[object]) -> None:
    if len(parts) > MOST_VALUES:
        raise InvalidRequestError(f"a filter lists {len(parts)} values or parts, more than {MOST_VALUES}")


def check_value(name: str, kind: FieldType, value: object) -> None:
    """Check a value of a declared field.

    Raises:
        InvalidRequestError: it has another type, or no engine could keep it unchanged.
    """
    wanted: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise InvalidRequestError(f"field {name} is of type {kind}, not {type(value).__name__}")
    if isinstance(value, str):
        check_text(f"field {name}", value)
    elif not isinstance(value, bool) and (
        not math.isfinite(value) or (abs(value) > LARGEST_INTEGER and kind == "integer")
    ):
        raise InvalidRequestError(f"field {name}: {value!r} is not finite, or beyond 2^53")


def check_text(what: str, text: str) -> None:
    """Check that every engine can keep the text.

    Raises:
        InvalidRequestError: it has a NUL character or is not valid Unicode.
    """
    if "\x00" in text:
        raise InvalidRequestError(f"{what} has a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{what} is not valid Unicode: it has half of a surrogate pair") from None


def matches(node: Node | None, metadata: Mapping[str, object]) -> bool:
    """Whether a record's metadata satisfies a filter in normal form: for engines that filter pages on our side."""
    match node:
        case None:
            return True
        case Never():
            return False
        case All(parts):
            return all(matches(part, metadata) for part in parts)
        case AnyOf(parts):
            return any(matches(part, metadata) for part in parts)
        case Missing(name):
            return metadata.get(name) is None
        case _:
            return _holds(node, metadata.get(node.field))


def _holds(node: In | NotIn | Range | Exists, value: object) -> bool:
    if value is None:
        return False
    match node:
        case Exists():
            return True
        case In(_, values):
            return value in values
        case NotIn(_, values):
            return value not in values
        case Range():
            compare = {
                "gt": lambda a, b: a > b,
                "gte": lambda a, b: a >= b,
                "lt": lambda a, b: a < b,
                "lte": lambda a, b: a <= b,
            }
            return all(compare[bound](value, limit) for bound, limit in node.bounds().items())
