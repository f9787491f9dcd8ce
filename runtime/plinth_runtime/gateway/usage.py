"""Tokens that a backend reports, read on the side: the bytes that the client gets are not touched."""

from collections import deque
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
_decode_any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def from_body(body: bytes) -> Usage | None:
    """Return the usage in a whole answer, if it has one."""
    try:
        return _decode(body).usage
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def is_object(body: bytes) -> bool:
    """Whether a body is a JSON object."""
    try:
        _decode_any(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False
    return True


class StreamTail:
    """Keeps the end of an event stream, to find the usage when the stream is over."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take note of a piece."""
        pieces = self._pieces
        if len(piece) > TAIL_BYTES:
            piece = piece[-TAIL_BYTES:]
        pieces.append(piece)
        self._size += len(piece)
        while self._size - len(pieces[0]) >= TAIL_BYTES:
            self._size -= len(pieces.popleft())

    def done(self) -> bool:
        """Whether the stream has said that it is over."""
        return b"".join(self._pieces)[-64:].rstrip().endswith(b"data: [DONE]")

    def usage(self) -> Usage | None:
        """Return the usage in the last event that has one."""
        tail = b"".join(self._pieces)[-TAIL_BYTES:]
        for line in reversed(tail.splitlines()):
            if line.startswith(b"data:") and b'"usage"' in line and (found := from_body(line[5:])) is not None:
                return found
        return None
