"""Reading manifests: YAML as plain mappings, where an absent part is an empty one."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

Json = Mapping[str, Any]


def part(body: Json, *keys: str) -> Json:
    """Return a mapping inside a mapping; empty where there is none."""
    for key in keys:
        body = cast("Json", body.get(key) or {})
    return body


def items(body: Json, key: str) -> Sequence[Json]:
    """Return a list of mappings inside a mapping; empty where there is none."""
    return cast("Sequence[Json]", body.get(key) or [])


def words(body: Json, key: str) -> list[str]:
    """Return a list of texts inside a mapping; empty where there is none."""
    return [str(word) for word in cast("Sequence[Any]", body.get(key) or [])]


def texts(body: Json, key: str) -> dict[str, str]:
    """Return a mapping of texts inside a mapping; empty where there is none."""
    return {name: str(value) for name, value in part(body, key).items()}
