"""Asking a process how it is, as a kubelet would."""

import asyncio
import contextlib

from plinth_cli.laptop.ports import HOST
from plinth_cli.laptop.spec import Probe

_ANSWER_BYTES = 4096
_SHOWN = 160


async def ask(probe: Probe) -> str | None:
    """Return None when the probe succeeds, else what is wrong in a few words."""
    try:
        async with asyncio.timeout(probe.timeout_seconds):
            return await _connect(probe)
    except TimeoutError:
        return f"no answer on port {probe.port} within {probe.timeout_seconds:g} s"
    except OSError:
        return f"nothing listens on port {probe.port}"


async def _connect(probe: Probe) -> str | None:
    reader, writer = await asyncio.open_connection(HOST, probe.port)
    try:
        if probe.path is None:
            return None
        request = f"GET {probe.path} HTTP/1.1\r\nHost: {HOST}:{probe.port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        answer = await _read(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status and status[0].isdigit() and 200 <= int(status[0]) < 400:  # the kubelet's rule
        return None
    said = " ".join(body.decode(errors="replace").split())[:_SHOWN]
    answered = status[0].decode(errors="replace") if status else "no HTTP"
    return f"{probe.path} answers {answered}: {said}".removesuffix(": ")


async def _read(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while sum(map(len, parts)) < _ANSWER_BYTES and (part := await reader.read(_ANSWER_BYTES)):
        parts.append(part)
    return b"".join(parts)
