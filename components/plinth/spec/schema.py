"""The JSON Schema of `Pulumi.<env>.yaml`, for editors."""

import json
from typing import Any

from pydantic import BaseModel

from plinth.spec.platform import PlatformSpec

SCHEMA_PATH = "docs/reference/stack.schema.json"
"""Where the schema is kept; the first line of every `Pulumi.<env>.yaml` points to it."""


def definitions_of(model: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of a model, and those of the models that it uses by name."""
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return schema, definitions


def stack_schema() -> dict[str, Any]:
    """Schema of a stack's configuration file, with the spec under `config: plinth:platform:`."""
    platform, definitions = definitions_of(PlatformSpec)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plinth environment",
        "type": "object",
        "properties": {
            "secretsprovider": {"type": "string", "description": "What encrypts the stack's secrets."},
            "encryptedkey": {"type": "string"},
            "encryptionsalt": {"type": "string"},
            "environment": {"description": "Pulumi ESC environments to import."},
            "config": {
                "type": "object",
                "properties": {"plinth:platform": platform},
                "required": ["plinth:platform"],
            },
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def render() -> str:
    """The schema as the text of its file."""
    return json.dumps(stack_schema(), indent=1, ensure_ascii=False) + "\n"
