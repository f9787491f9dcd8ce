"""Server-sent events whose data is JSON."""

import json
from collections.abc import AsyncIterator
from typing import Any

from plinth_runtime.warehouse.errors import CortexError


async def events(parts: AsyncIterator[bytes], most: int) -> AsyncIterator[dict[str, Any]]:
    """Give the data of each event.

    Raises:
        CortexError: there is more than `most` bytes, or data that is not a JSON object.
    """
    waiting, size = b"", 0
    async for part in parts:
        size += len(part)
        if size > most:
            raise CortexError(f"the answer is larger than {most} bytes")
        waiting = (waiting + part).replace(b"\r\n", b"\n")
        *complete, waiting = waiting.split(b"\n\n")
        for event in complete:
            if (data := _data(event)) is not None:
                yield data
    if (data := _data(waiting)) is not None:
        yield data


def _data(event: bytes) -> dict[str, Any] | None:
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    text = b"\n".join(lines)
    if not text or text == b"[DONE]":
        return None
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CortexError("Cortex sent an event that is not a JSON object")
    return content
