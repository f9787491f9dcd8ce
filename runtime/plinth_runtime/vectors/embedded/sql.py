"""SQL of the embedded engine. Whatever a caller gives is a bound parameter; table names hold numbers of ours only."""

import json
import re
from typing import Any

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.filters import All, AnyOf, Exists, In, Missing, Never, Node, NotIn, Range

CATALOG = (
    "CREATE TABLE IF NOT EXISTS collections (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, "
    "declared TEXT NOT NULL, erased INTEGER NOT NULL DEFAULT 0) STRICT"
)
"""`erased` counts deletions, so that readers notice them."""

_WORD = re.compile(r"\w+")
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
MOST_WORDS = 64


def tables(number: int, collection: Collection) -> list[str]:
    """Statements that make a collection's tables. A record that is replaced gets a new `row`, above all others."""
    records, words = f"records_{number}", f"words_{number}"
    statements = [
        f"CREATE TABLE {records} (row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
        "metadata TEXT NOT NULL, embedding BLOB NOT NULL, content TEXT NOT NULL) STRICT"
    ]
    if collection.lexical:
        stem = "porter " if collection.language == "english" else ""
        statements += [
            f"CREATE VIRTUAL TABLE {words} USING fts5(content, content='{records}', content_rowid='row', "
            f"tokenize='{stem}unicode61 remove_diacritics 2')",
            f"CREATE TRIGGER {words}_new AFTER INSERT ON {records} BEGIN "
            f"INSERT INTO {words} (rowid, content) VALUES (new.row, new.content); END",
            f"CREATE TRIGGER {words}_gone AFTER DELETE ON {records} BEGIN "
            f"INSERT INTO {words} ({words}, rowid, content) VALUES ('delete', old.row, old.content); END",
        ]
    return [
        *statements,
        f"CREATE TRIGGER records_{number}_gone AFTER DELETE ON {records} BEGIN "
        f"UPDATE collections SET erased = erased + 1 WHERE number = {number}; END",
    ]


def drops(number: int, *, lexical: bool) -> list[str]:
    """Statements that take a collection's tables away."""
    words = [f"DROP TABLE IF EXISTS words_{number}"] if lexical else []
    return [f"DROP TABLE IF EXISTS records_{number}", *words]


def query(text: str) -> str | None:
    """An FTS5 expression for any of a text's words; `None` when it has none. Quoted, no word is an operator."""
    words = list(dict.fromkeys(_WORD.findall(text)))[:MOST_WORDS]
    return " OR ".join(f'"{word}"' for word in words) or None


def condition(node: Node | None) -> tuple[str, list[Any]]:
    """A filter as a condition over `metadata`, and its parameters.

    Values go in as JSON, so that both sides of a comparison were parsed by the same code.
    """
    match node:
        case None:
            return "1", []
        case Never():
            return "0", []
        case All(parts) | AnyOf(parts):
            compiled = [condition(part) for part in parts]
            word = " AND " if isinstance(node, All) else " OR "
            return f"({word.join(text for text, _ in compiled)})", [item for _, given in compiled for item in given]
        case Exists(field):
            return "json_extract(metadata, ?) IS NOT NULL", [_path(field)]
        case Missing(field):
            return "json_extract(metadata, ?) IS NULL", [_path(field)]
        case In(field, values):
            return "json_extract(metadata, ?) IN (SELECT value FROM json_each(?))", [_path(field), json.dumps(values)]
        case NotIn(field, values):
            return (
                "json_extract(metadata, ?) NOT IN (SELECT value FROM json_each(?))",
                [_path(field), json.dumps(values)],
            )
        case Range(field):
            bounds = node.bounds()
            text = " AND ".join(f"json_extract(metadata, ?) {_COMPARE[name]} json_extract(?, '$')" for name in bounds)
            return f"({text})", [item for bound in bounds.values() for item in (_path(field), json.dumps(bound))]


def _path(field: str) -> str:
    return f'$."{field}"'
