"""Tokens that a backend reports, read on the side: the bytes that the client gets are not touched."""

from typing import Annotated

import msgspec

TAIL_BYTES = 16 * 1024
"""How much of a stream's end is kept, in bytes; backends report usage in the last events."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one request, as OpenAI's `usage`."""

    prompt_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    completion_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0


class _Carrier(msgspec.Struct):
    usage: Usage | None = None


_decode = msgspec.json.Decoder(_Carrier).decode


def from_body(body: bytes) -> Usage | None:
    """Return the usage in a whole answer, if it has one."""
    try:
        return _decode(body).usage
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


class StreamTail:
    """Keeps the end of an event stream, to find the usage when the stream is over."""

    def __init__(self) -> None:
        self._tail = b""

    def add(self, piece: bytes) -> None:
        """Take note of a piece."""
        self._tail = piece[-TAIL_BYTES:] if len(piece) >= TAIL_BYTES else (self._tail + piece)[-TAIL_BYTES:]

    def usage(self) -> Usage | None:
        """Return the usage in the last event that has one."""
        for line in reversed(self._tail.splitlines()):
            if line.startswith(b"data:") and b'"usage"' in line and (found := from_body(line[5:])) is not None:
                return found
        return None
