"""Checks of what a caller gives, before anything is sent."""

import json
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plinth_runtime.vectors.config import Collection
from plinth_runtime.vectors.errors import InvalidRequestError
from plinth_runtime.vectors.filters import check_text, check_value
from plinth_runtime.vectors.records import Record, Stored

LONGEST_ID = 512
"""In bytes of UTF-8: the least that the engines take (Pinecone, OpenSearch)."""

LONGEST_METADATA = 32_768
"""In bytes of JSON: below the 40 KB of Pinecone and S3 Vectors, which count the text in."""


def stored(collection: Collection, record: Record) -> Stored:
    """A record, checked.

    Raises:
        InvalidRequestError: it does not fit the collection; the message says in what.
    """
    if not isinstance(record, Record):
        raise InvalidRequestError(f"{type(record).__name__} is not a Record")
    identifier(record.id)
    what = f"record {record.id!r:.80}"
    try:
        if type(record.content) is not str:
            raise InvalidRequestError("content is not text")
        check_text("content", record.content)
        return Stored(
            record.id, vector(collection, record.vector), record.content, _metadata(collection, record.metadata)
        )
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{what}: {error.what}", fix=error.fix) from None


def identifier(value: object) -> str:
    """A record's id, checked."""
    if type(value) is not str or not value:
        raise InvalidRequestError(f"{value!r:.80} is not a record's id", fix="Ids are text that is not empty")
    check_text("an id", value)
    if len(value.encode()) > LONGEST_ID:
        raise InvalidRequestError(f"the id {value!r:.80} has more than {LONGEST_ID} bytes")
    return value


def identifiers(values: Iterable[object]) -> list[str]:
    """Ids, checked, each once."""
    if isinstance(values, str):
        raise InvalidRequestError("ids are a sequence of texts, not one text")
    return list(dict.fromkeys(identifier(value) for value in values))


def vector(collection: Collection, values: Sequence[float]) -> "array[float]":
    """A vector as 32-bit floats."""
    try:
        numbers = array("f", values)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError("a vector is a sequence of numbers that fit 32 bits") from None
    if len(numbers) != collection.dimensions:
        raise InvalidRequestError(
            f"the vector has {len(numbers)} dimensions, collection {collection.name} has {collection.dimensions}"
        )
    if not math.isfinite(sum(numbers)):
        raise InvalidRequestError("the vector has a number that is infinite, or not a number")
    if collection.distance == "cosine" and not any(numbers):
        raise InvalidRequestError("the vector is zero, which has no direction to measure a cosine from")
    return numbers


def whole(what: str, value: object, least: int, most: int) -> int:
    """A whole number within bounds."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidRequestError(f"{what} is {value!r:.40}: a whole number from {least} to {most} is needed")
    return value


def weight(what: str, value: object) -> float:
    """A weight: a number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidRequestError(f"{what} is {value!r:.40}: a number from 0 is needed")
    return float(value)


def _metadata(collection: Collection, metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)
        plain: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError("metadata is not a JSON object") from None
    check_text("metadata", text)
    if "\\u0000" in text and "\x00" in _strings(plain):
        raise InvalidRequestError("metadata has a NUL character")
    if len(text.encode()) > LONGEST_METADATA:
        raise InvalidRequestError(f"metadata has more than {LONGEST_METADATA} bytes of JSON")
    for field in collection.fields:
        if plain.get(field.name) is None:
            plain.pop(field.name, None)
        else:
            check_value(field.name, field.type, plain[field.name])
    return plain


def _strings(value: object) -> str:
    """Every text within a JSON value, joined."""
    if isinstance(value, dict):
        return "".join(f"{key}{_strings(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "".join(_strings(item) for item in value)
    return value if isinstance(value, str) else ""
