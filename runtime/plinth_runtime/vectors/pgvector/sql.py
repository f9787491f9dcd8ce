"""Statements of the pgvector engine. Whatever a caller gives is a parameter."""

import json
from typing import Any

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range, Value
from plinth_runtime.vectors.pgvector.ddl import Distance, quote

_FAR: dict[Distance, str] = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Given:
    """Parameters of a statement, in the order of their numbers."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any, kind: str) -> str:
        """The parameter's place, with its type."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


def condition(node: Node | None, given: Given) -> str:
    """A filter over `metadata` as a condition. Values are compared as jsonb, so nothing is cast that might not fit."""
    match node:
        case None:
            return "true"
        case Never():
            return "false"
        case All(parts) | AnyOf(parts):
            word = " AND " if isinstance(node, All) else " OR "
            return f"({word.join(condition(part, given) for part in parts)})"
        case Exists(field):
            return f"metadata ? {given.add(field, 'text')}"
        case Missing(field):
            return f"NOT metadata ? {given.add(field, 'text')}"
        case In(field, values):
            return f"metadata @> ANY ({given.add(_objects(field, values), 'jsonb[]')})"
        case NotIn(field, values):
            there = f"metadata ? {given.add(field, 'text')}"
            return f"({there} AND NOT metadata @> ANY ({given.add(_objects(field, values), 'jsonb[]')}))"
        case Range(field):
            value = f"metadata -> {given.add(field, 'text')}"
            parts = [
                f"{value} {_COMPARE[name]} {given.add(json.dumps(bound), 'jsonb')}"
                for name, bound in node.bounds().items()
            ]
            return f"(jsonb_typeof({value}) = 'number' AND {' AND '.join(parts)})"


def nearest(collection: Collection, vector: Any, limit: int, where: Node | None) -> tuple[str, list[Any]]:
    """The nearest rows. The limit is written out, because the planner cannot estimate a parameter."""
    given = Given()
    far = f"embedding {_FAR[collection.distance]} {given.add(vector, 'vector')}"
    text = (
        f"SELECT id, content, metadata, {far} AS far FROM {quote(collection.name)} "
        f"WHERE {condition(where, given)} ORDER BY {far} LIMIT {int(limit)}"
    )
    return text, given.values


def by_words(collection: Collection, text: str, limit: int, where: Node | None) -> tuple[str, list[Any]]:
    """Rows with any of the words, best first."""
    given = Given()
    language = f"'{collection.language}'"
    # plainto_tsquery makes one term of every word, joined with &; any of them will do.
    query = f"replace(plainto_tsquery({language}, {given.add(text, 'text')})::text, ' & ', ' | ')::tsquery"
    statement = (
        f"SELECT id, content, metadata, ts_rank(words, query) AS score FROM {quote(collection.name)} "
        f"CROSS JOIN (SELECT {query} AS query) AS asked WHERE words @@ query AND {condition(where, given)} "
        f"ORDER BY score DESC, id LIMIT {int(limit)}"
    )
    return statement, given.values


def selected(
    collection: Collection, columns: str, where: Node | None, after: str | None = None
) -> tuple[str, list[Any]]:
    """Columns of rows that satisfy a filter, after an id where one is given."""
    given = Given()
    parts = [condition(where, given)]
    if after is not None:
        parts.append(f"id > {given.add(after, 'text')}")
    return f"SELECT {columns} FROM {quote(collection.name)} WHERE {' AND '.join(parts)}", given.values


def deletion(collection: Collection, where: Node) -> tuple[str, list[Any]]:
    """Deletes the rows that satisfy a filter."""
    given = Given()
    return f"DELETE FROM {quote(collection.name)} WHERE {condition(where, given)}", given.values


def insertion(collection: Collection) -> str:
    """Writes one row; parameters: tenant, id, content, metadata, vector."""
    return (
        f"INSERT INTO {quote(collection.name)} AS old (tenant, id, content, metadata, embedding) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, id) DO UPDATE SET content = excluded.content, "
        "metadata = excluded.metadata, embedding = excluded.embedding, updated_at = now()"
    )


def _objects(field: str, values: tuple[Value, ...]) -> list[str]:
    return [json.dumps({field: value}, ensure_ascii=False) for value in values]
