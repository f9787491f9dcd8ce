"""Secrets stay secret: marks that are lost on the way through a provider are put back.

A stand-in may work on plain values; what it returns goes through `seal`, what it says through `scrub`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from plinth_cli.rehearsal.values import Props, Secret, has_secret, reveal, secret_texts, walk

_SHORTEST_TELLTALE = 6
"""A shorter secret (`yes`, `443`) is found in too many strings by chance to be searched for."""


def seal(outputs: Props, *sources: Mapping[str, Any]) -> Props:
    """Marks secret among the outputs what is secret among the sources (inputs, old outputs).

    An output of the same name as a secret is secret, inside objects too; and so is every output that contains the text
    of a secret, whatever its name.
    """
    sealed = outputs
    for source in sources:
        sealed = _like(sealed, source)
    telltales = [text for source in sources for text in secret_texts(source) if len(text) >= _SHORTEST_TELLTALE]
    return {name: Secret(value) if _tells(value, telltales) else value for name, value in sealed.items()}


def _like(outputs: Mapping[str, Any], source: Mapping[str, Any]) -> Props:
    return {name: _mark(value, source.get(name)) for name, value in outputs.items()}


def _mark(value: Any, source: Any) -> Any:
    if isinstance(value, Secret) or not has_secret(source):
        return value
    if isinstance(value, Mapping) and isinstance(source, Mapping):
        return _like(cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", source))
    return Secret(reveal(value))


def _tells(value: Any, telltales: list[str]) -> bool:
    if not telltales or isinstance(value, Secret):
        return False
    return any(text in shown for shown in _visible_texts(value) for text in telltales)


def _visible_texts(value: Any) -> list[str]:
    hidden = secret_texts(value)
    return [text for text in walk(value) if isinstance(text, str) and text not in hidden]


def scrub(message: str, *sources: Mapping[str, Any]) -> str:
    """The message without the text of any secret of the sources."""
    texts = {text for source in sources for text in secret_texts(source) if len(text) >= _SHORTEST_TELLTALE}
    for text in sorted(texts, key=len, reverse=True):
        message = message.replace(text, "[secret]")
    return message
