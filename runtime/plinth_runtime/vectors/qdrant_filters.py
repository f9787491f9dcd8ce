"""Filters for Qdrant, as its own typed conditions."""

from typing import Any

from qdrant_client import models as m

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range, Value


def condition(node: Node | None, collection: Collection) -> m.Filter | None:
    """A filter; `None` for none."""
    types = {field.name: field.type for field in collection.fields}
    return None if node is None else _filter(node, types)


def _filter(node: Node, types: dict[str, Any]) -> m.Filter:
    match node:
        case All(parts):
            return m.Filter(must=[_filter(part, types) for part in parts])
        case AnyOf(parts):
            return m.Filter(should=[_filter(part, types) for part in parts])
        case Never():
            return m.Filter(must=[m.HasIdCondition(has_id=[])])
        case Missing(field):
            return m.Filter(must=[_empty(field)])
        case Exists(field):
            return m.Filter(must_not=[_empty(field)])
        case In(field, values):
            return _among(field, values, types[field])
        case NotIn(field, values):
            return m.Filter(must_not=[_empty(field), _among(field, values, types[field])])
        case Range(field):
            return m.Filter(must=[m.FieldCondition(key=_key(field), range=m.Range(**node.bounds()))])


def _among(field: str, values: tuple[Value, ...], kind: str) -> m.Filter:
    """Qdrant matches texts, whole numbers and booleans; a float is matched by a range with nothing beside it."""
    if kind == "boolean":
        return m.Filter(should=[m.FieldCondition(key=_key(field), match=m.MatchValue(value=bool(v))) for v in values])
    if kind == "number":
        return m.Filter(
            should=[m.FieldCondition(key=_key(field), range=m.Range(gte=float(v), lte=float(v))) for v in values]
        )
    chosen: Any = list(values)
    return m.Filter(must=[m.FieldCondition(key=_key(field), match=m.MatchAny(any=chosen))])


def _empty(field: str) -> m.IsEmptyCondition:
    return m.IsEmptyCondition(is_empty=m.PayloadField(key=_key(field)))


def _key(field: str) -> str:
    return f"metadata.{field}"
