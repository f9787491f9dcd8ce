"""What a request says about itself, read only where a route's decision depends on it."""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from plinth_runtime import names
from plinth_runtime.errors import invalid_request
from plinth_runtime.gateway.config import DATA_CLASSES, Feature
from plinth_runtime.gateway.routing.decide import Facts
from plinth_runtime.gateway.routing.tables import RouteTable, TenantTable

BYTES_PER_TOKEN = 4
"""How many bytes of English text make a token, roughly; a tokenizer would cost more than the decision is worth."""

OUTPUT_TOKENS = 512
"""Guess at an answer's length where the request sets no limit, in tokens."""

PREFIX_BYTES = 4096
"""How much of a prompt's beginning `affinity` looks at, in bytes."""

HARD_TOKENS = 2000
HARD_TURNS = 8
_HARD = re.compile(
    rb"```|step[ -]by[ -]step|\b(prove|proof|derive|analy[sz]e|refactor|debug|implement|optimi[sz]e|algorithm|architect"
    rb"|compare|trade-?offs?|theorem|equation|integral|regex|sql|stack ?trace)\b",
    re.IGNORECASE,
)
_CLASSES = {name.encode(): level for level, name in enumerate(DATA_CLASSES)}
_CLASS_HEADER = names.DATA_CLASS_HEADER.encode()
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_integer = msgspec.json.Decoder(int).decode
_NOTHING = (b"null", b"[]")


def class_and_place(
    table: RouteTable, tenant: TenantTable, headers: Mapping[bytes, bytes]
) -> tuple[int, frozenset[str] | None]:
    """Return the request's data class (the highest that anybody asks for) and where it may be answered.

    Raises:
        ApiError: The header with the class says something else (400).
    """
    level = max(table.data_class, tenant.data_class)
    if (asked := headers.get(_CLASS_HEADER)) is not None:
        found = _CLASSES.get(asked.strip().lower())
        if found is None:
            wanted = ", ".join(DATA_CLASSES)
            raise invalid_request(f"Header {names.DATA_CLASS_HEADER} must be one of: {wanted}.", "invalid_data_class")
        level = max(level, found)
    if not table.residency or not tenant.residency:
        return level, table.residency or tenant.residency or None
    return level, table.residency & tenant.residency


def read(fields: Mapping[str, msgspec.Raw], data_class: int, residency: frozenset[str] | None, tenant: str) -> Facts:
    """Return what a chat request's body says."""
    messages = bytes(fields.get("messages", b""))
    tokens = len(messages) // BYTES_PER_TOKEN
    asked: set[Feature] = set()
    if bytes(fields.get("tools", b"null")) not in _NOTHING:
        asked.add("tools")
    if b'"json_' in bytes(fields.get("response_format", b"")):
        asked.add("json")
    if b'"image_url"' in messages:
        asked.add("vision")
    turns = _turns(messages)
    return Facts(
        data_class=data_class,
        residency=residency,
        tokens=tokens,
        output_tokens=_limit(fields),
        features=frozenset(asked),
        hard=is_hard(messages, tokens, len(turns), tools="tools" in asked),
        prefix=_prefix(turns, fields, tenant),
    )


def is_hard(messages: bytes, tokens: int, turns: int, *, tools: bool) -> bool:
    """Whether a prompt is for a large model: long, with tools, deep in a conversation, or with words of hard tasks."""
    return tools or tokens > HARD_TOKENS or turns > HARD_TURNS or _HARD.search(messages) is not None


def _limit(fields: Mapping[str, msgspec.Raw]) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in fields:
            try:
                return max(0, min(_integer(fields[name]), 1 << 30))
            except (msgspec.MsgspecError, ValueError):
                continue
    return OUTPUT_TOKENS


def _turns(messages: bytes) -> list[msgspec.Raw]:
    try:
        return _list(messages)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return []


def _prefix(turns: list[msgspec.Raw], fields: Mapping[str, msgspec.Raw], tenant: str) -> int:
    """Hash of what later turns of a conversation begin with too: the client's own key, or the first two messages."""
    start = bytes(fields["prompt_cache_key"]) if "prompt_cache_key" in fields else b"".join(map(bytes, turns[:2]))
    digest = hashlib.blake2b(start[:PREFIX_BYTES], digest_size=8, key=tenant.encode()[:64])
    return int.from_bytes(digest.digest())
