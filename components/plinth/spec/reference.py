"""The reference page of the spec, written from the models themselves."""

from typing import Any, cast

from plinth.spec.platform import PlatformSpec
from plinth.spec.schema import definitions_of

REFERENCE_PATH = "docs/reference/spec.md"
"""Where the page is kept."""

_INTRODUCTION = """# The spec

What can be written under `plinth:platform` in `Pulumi.<env>.yaml`. Every section refuses fields that it does not have,
and checks across sections run before anything is planned. `plinth validate` lists every mistake at once.

This page is written from the models in `components/plinth/spec/` by `plinth schema --write`.
"""


def render() -> str:
    """The page as Markdown: a chapter per section, in the order of the spec, then the models that they use."""
    root, definitions = definitions_of(PlatformSpec)
    chapters = [_INTRODUCTION, _chapter("PlatformSpec", root)]
    for name in _in_order(root, definitions):
        chapters.append(_chapter(name, definitions[name]))
    return "\n".join(chapters)


def _in_order(root: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """Models in the order in which a reader meets them."""
    found: list[str] = []
    pending = [root]
    while pending:
        for field in pending.pop(0).get("properties", {}).values():
            for name in _references(field):
                if name not in found and "properties" in definitions[name]:
                    found.append(name)
                    pending.append(definitions[name])
    return found


def _references(schema: object) -> list[str]:
    if isinstance(schema, dict):
        facts = cast("dict[str, object]", schema)
        here = [str(facts["$ref"]).rpartition("/")[2]] if "$ref" in facts else []
        return here + [name for key, item in facts.items() if key != "discriminator" for name in _references(item)]
    if isinstance(schema, list):
        return [name for item in cast("list[object]", schema) for name in _references(item)]
    return []


def _chapter(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    lines = [f"## {name}\n", f"{schema.get('description', '')}\n", "| Field | Type | Default | |", "|---|---|---|---|"]
    for field, facts in schema.get("properties", {}).items():
        default = "**required**" if field in required else _default(facts)
        text = " ".join(facts.get("description", "").split())
        lines.append(f"| `{field}` | {_type(facts)} | {default} | {_cell(text)} |")
    return "\n".join(lines) + "\n"


def _default(facts: dict[str, Any]) -> str:
    value: object = facts.get("default")
    if isinstance(value, list):
        return ", ".join(_word(item) for item in cast("list[object]", value)) or "none"
    if isinstance(value, dict):
        return "its defaults" if value else "none"
    return "none" if value is None else _word(value)


def _word(value: object) -> str:
    named = cast("dict[str, object]", value)["name"] if isinstance(value, dict) else value
    return f"`{named}`"


def _type(facts: dict[str, Any]) -> str:
    if "$ref" in facts:
        name = facts["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if options := facts.get("oneOf") or facts.get("anyOf"):
        kinds = [_type(option) for option in options if option.get("type") != "null"]
        return " or ".join(kinds)
    if "const" in facts:
        return f"`{facts['const']}`"
    if "enum" in facts:
        return " ".join(f"`{value}`" for value in facts["enum"])
    if facts.get("type") == "array":
        return f"list of {_type(facts['items'])}"
    if facts.get("type") == "object":
        inner: dict[str, Any] = facts.get("additionalProperties") or {}
        return f"map to {_type(inner)}" if inner else "map"
    return _plain(facts)


def _plain(facts: dict[str, Any]) -> str:
    kind = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[facts["type"]]
    if meaning := facts.get("patternErrorMessage"):
        return _cell(meaning)
    low, high = facts.get("minimum", facts.get("exclusiveMinimum")), facts.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:,} to {high:,}"
    return f"{kind}, {low:,} or more" if low is not None else kind


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
