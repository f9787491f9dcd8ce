"""Rows from a source into a channel, each exactly once: an offset becomes durable with its rows, or neither does.

After a crash the source is read again from the last durable offset. So nothing that was acknowledged is lost, and
nothing is there twice, as long as the source gives the same rows with the same offsets again.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from plinth_runtime.warehouse.channels import ChannelPort, Source, SourceRow, Values
from plinth_runtime.warehouse.config import IngestPipe
from plinth_runtime.warehouse.errors import IngestError

Check = Callable[[Values], Values]
"""Returns a row as it is to be written; raises ValueError with what is wrong with it."""

Quarantine = Callable[[SourceRow, str], Awaitable[None]]
"""Takes a row that breaks its contract, with the reason. It may get a row again after a crash: its offset says so."""

Acknowledge = Callable[[int], None]
"""Is told the last offset that is durable."""

_COLUMN = re.compile(r"[A-Z_][A-Z0-9_$]{0,254}")
_FIRST_POLL, _LONGEST_POLL = 0.01, 1.0


@dataclass(slots=True)
class Ingested:
    """What a run did."""

    rows: int = 0
    """Rows that are durable."""

    quarantined: int = 0
    """Rows that were put aside."""

    offset: int | None = None
    """Last durable offset."""


class Ingester:
    """Reads a source, batches its rows and waits for them to be durable."""

    def __init__(
        self,
        channel: ChannelPort,
        limits: IngestPipe,
        *,
        quarantine: Quarantine,
        check: Check = lambda values: values,
        acknowledge: Acknowledge = lambda offset: None,
    ) -> None:
        self._channel = channel
        self._limits = limits
        self._quarantine = quarantine
        self._check = check
        self._acknowledge = acknowledge
        self._pending: deque[tuple[int, int]] = deque()
        """Last offset and number of rows of batches that are not durable yet."""
        self._done = Ingested()

    async def run(self, source: Source) -> Ingested:
        """Read the source to its end; returns when everything is durable.

        Raises:
            IngestError: rows do not become durable in time, or are out of order.
            WarehouseError: the channel failed. Start again: it goes on after the last durable offset.
        """
        self._done = Ingested(offset=await self._channel.open())
        queue: asyncio.Queue[SourceRow | None] = asyncio.Queue(self._limits.max_batch_rows)
        reader = asyncio.create_task(self._read(source, queue))
        try:
            while batch := await self._batch(queue, reader):
                await self._write(batch)
                await self._until_below(self._limits.max_uncommitted_rows)
            await reader
            await self._until_below(0)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._channel.close()
        return self._done

    async def _read(self, source: Source, queue: "asyncio.Queue[SourceRow | None]") -> None:
        last = self._done.offset
        try:
            async for row in source(last):
                if last is not None and row.offset <= last:
                    raise IngestError(f"the source gave offset {row.offset} after {last}: offsets must grow")
                last = row.offset
                await queue.put(row)
        finally:
            # Whoever waits must not wait for ever; where the queue is full, nobody waits.
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    async def _batch(
        self, queue: "asyncio.Queue[SourceRow | None]", reader: "asyncio.Task[None]"
    ) -> list[tuple[SourceRow, int]]:
        """Collect rows until there are enough, they are large enough, or the first has waited long enough."""
        batch: list[tuple[SourceRow, int]] = []
        size, until = 0, float("inf")
        while len(batch) < self._limits.max_batch_rows and size < self._limits.max_batch_bytes:
            if queue.empty() and reader.done():
                break
            try:
                async with asyncio.timeout(None if not batch else max(0.0, until - time.monotonic())):
                    row = await queue.get()
            except TimeoutError:
                break
            if row is None:
                continue
            if (checked := await self._checked(row)) is not None:
                until = min(until, time.monotonic() + self._limits.max_delay_seconds)
                batch.append(checked)
                size += checked[1]
        return batch

    async def _checked(self, row: SourceRow) -> tuple[SourceRow, int] | None:
        """Return a row with its size, or None: it was put aside."""
        try:
            values = self._check(row.values)
            if wrong := [name for name in values if not _COLUMN.fullmatch(name)]:
                raise ValueError(f"{wrong[0]!r} is not a column name in upper case")
            size = len(msgspec.json.encode(values))
            if size > self._limits.max_batch_bytes:
                raise ValueError(f"the row has {size} bytes, {self._limits.max_batch_bytes} are allowed")
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            await self._put_aside(row, str(error))
            return None
        return SourceRow(row.offset, values), size

    async def _put_aside(self, row: SourceRow, reason: str) -> None:
        try:
            await self._quarantine(row, reason)
        except OSError as error:
            raise IngestError(
                f"the row at offset {row.offset} of {self._limits.table} cannot be put aside: "
                f"{error.strerror or error}. It and all after it come again when you start again"
            ) from None
        self._done.quarantined += 1

    async def _write(self, batch: list[tuple[SourceRow, int]]) -> None:
        rows = [row for row, _ in batch]
        await self._channel.append([row.values for row in rows], rows[0].offset, rows[-1].offset)
        self._pending.append((rows[-1].offset, len(rows)))

    async def _until_below(self, most: int) -> None:
        """Wait until no more than `most` rows are on their way."""
        end, pause = time.monotonic() + self._limits.commit_seconds, _FIRST_POLL
        while True:
            self._settle(await self._channel.committed())
            waiting = sum(rows for _, rows in self._pending)
            if waiting <= most:
                return
            if time.monotonic() >= end:
                raise IngestError(
                    f"{waiting} rows of {self._limits.table} are not durable after {self._limits.commit_seconds} s; "
                    f"the last durable offset is {self._done.offset}. Start again: it goes on from there"
                )
            await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(_LONGEST_POLL, pause * 2)

    def _settle(self, committed: int | None) -> None:
        before = self._done.offset
        while self._pending and committed is not None and self._pending[0][0] <= committed:
            offset, rows = self._pending.popleft()
            self._done.rows += rows
            self._done.offset = offset
        if self._done.offset is not None and self._done.offset != before:
            self._acknowledge(self._done.offset)
