"""Values of placeholders, which the connector sends as text with a type."""

import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def values_of(bindings: Mapping[str, Mapping[str, Any]]) -> list[Any] | None:
    """Return rows of values, or None where there are no placeholders."""
    if not bindings:
        return None
    columns = [bindings[str(place)] for place in range(1, len(bindings) + 1)]
    if any(isinstance(column["value"], list) for column in columns):
        lists = [[_value(column["type"], text) for text in column["value"]] for column in columns]
        return [tuple(row) for row in zip(*lists, strict=True)]
    return [tuple(_value(column["type"], column["value"]) for column in columns)]


def _value(kind: str, text: str | None) -> Any:
    if text is None:
        return None
    match kind:
        case "FIXED":
            return int(text)
        case "REAL":
            return float(text)
        case "BOOLEAN":
            return text.lower() == "true"
        case "BINARY":
            return binascii.unhexlify(text)
        case "DATE":
            return (_EPOCH + timedelta(milliseconds=int(text))).date()
        case "TIME":
            return (_EPOCH + timedelta(microseconds=int(text) // 1000)).time()
        case "TIMESTAMP_NTZ":
            return (_EPOCH + timedelta(microseconds=int(text) // 1000)).replace(tzinfo=None)
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            return _EPOCH + timedelta(microseconds=int(text.partition(" ")[0]) // 1000)
        case _:
            return text
