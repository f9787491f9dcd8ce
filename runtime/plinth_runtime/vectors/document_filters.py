"""Filters as documents of `$` operators, which S3 Vectors and Pinecone share."""

from typing import Any

from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range


def document(node: Node) -> dict[str, Any]:
    """A filter; `Never` is for the caller, because no operator says it."""
    match node:
        case All(parts):
            return {"$and": [document(part) for part in parts]}
        case AnyOf(parts):
            return {"$or": [document(part) for part in parts]}
        case Exists(field):
            return {key(field): {"$exists": True}}
        case Missing(field):
            return {key(field): {"$exists": False}}
        case In(field, values) if any(isinstance(value, bool) for value in values):
            # Lists are of texts and numbers.
            return _joined("$or", [{key(field): {"$eq": value}} for value in values])
        case NotIn(field, values) if any(isinstance(value, bool) for value in values):
            there = {key(field): {"$exists": True}}
            return _joined("$and", [there, *({key(field): {"$ne": value}} for value in values)])
        case In(field, values):
            return {key(field): {"$in": list(values)}}
        case NotIn(field, values):
            return {"$and": [{key(field): {"$exists": True}}, {key(field): {"$nin": list(values)}}]}
        case Range(field):
            return _joined("$and", [{key(field): {f"${name}": bound}} for name, bound in node.bounds().items()])
        case Never():
            return {"$and": [{key("never"): {"$exists": True}}, {key("never"): {"$exists": False}}]}


def key(field: str) -> str:
    """Name of a declared field beside the engine's own keys, which start with an underscore."""
    return f"f_{field}"


def _joined(word: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {word: parts}
