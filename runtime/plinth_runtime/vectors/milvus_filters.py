"""Filters as Milvus' expressions. Values become JSON literals, whose escapes Milvus shares; names are declared ones."""

import json

from plinth_runtime.vectors.engine import Tenant
from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range, Value

_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def own(tenant: Tenant, node: Node | None = None, *more: str) -> str:
    """Only the tenant's entities, whatever else is asked."""
    parts = [f"tenant == {literal(tenant.name)}", *([] if node is None else [expression(node)]), *more]
    return " and ".join(parts)


def expression(node: Node) -> str:
    """A filter in parentheses."""
    match node:
        case All(parts) | AnyOf(parts):
            word = " and " if isinstance(node, All) else " or "
            return f"({word.join(expression(part) for part in parts)})"
        case Never():
            return '(pk == "")'
        case Exists(field):
            return f"(exists {_path(field)})"
        case Missing(field):
            return f"(not (exists {_path(field)}))"
        case In(field, values):
            return _among(field, values)
        case NotIn(field, values):
            return f"((exists {_path(field)}) and (not {_among(field, values)}))"
        case Range(field):
            parts = [f"{_path(field)} {_COMPARE[name]} {literal(bound)}" for name, bound in node.bounds().items()]
            return f"({' and '.join(parts)})"


def literal(value: Value) -> str:
    """A value as a literal."""
    return json.dumps(value, ensure_ascii=False)


def _among(field: str, values: tuple[Value, ...]) -> str:
    return f"({' or '.join(f'{_path(field)} == {literal(value)}' for value in values)})"


def _path(field: str) -> str:
    return f'metadata["{field}"]'
