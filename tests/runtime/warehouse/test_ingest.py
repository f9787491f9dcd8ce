"""Rows from a source into a channel: each once, in spite of crashes, with limits on what is under way."""

import asyncio
import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kills import kill_often
from support.warehouse import emulator

from plinth_runtime.warehouse.channels import SourceRow
from plinth_runtime.warehouse.config import EmbeddedWarehouse, IngestPipe
from plinth_runtime.warehouse.embedded_channel import EmbeddedChannel
from plinth_runtime.warehouse.errors import IngestError, UnreachableError, WarehouseError
from plinth_runtime.warehouse.ingest import Ingester


def pipe(**more):
    place = {"database": "ANALYTICS", "schema_name": "PUBLIC", "table": "EVENTS"}
    return IngestPipe.model_validate(place | {"max_delay_seconds": 0.01, "commit_seconds": 30} | more)


def numbers(count):
    async def source(after):
        for offset in range((after or 0) + 1, count + 1):
            await asyncio.sleep(0)
            yield SourceRow(offset, {"ID": offset})

    return source


async def nobody(row, reason):
    raise AssertionError(f"{row} was put aside: {reason}")


class Table:
    """A channel in memory: rows and offset are durable together, some time after they were taken."""

    def __init__(self, delay=0):
        self.rows, self.offset = [], None
        self.delay, self.crash_at = delay, 0
        self.taken, self.appends, self.most_waiting = [], 0, 0

    async def open(self):
        self.taken.clear()
        return self.offset

    async def append(self, rows, first, last):
        self.appends += 1
        self.taken.append((rows, last, time.monotonic() + self.delay))
        self.most_waiting = max(self.most_waiting, sum(len(rows) for rows, _, _ in self.taken))
        if self.appends == self.crash_at:
            # The rows are durable all the same: only the answer is lost on its way.
            self._land()
            raise UnreachableError("gone", sent=True)

    async def committed(self):
        self._land()
        return self.offset

    def _land(self):
        while self.taken and self.taken[0][2] <= time.monotonic():
            rows, self.offset, _ = self.taken.pop(0)
            self.rows += rows

    async def close(self):
        pass


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 120),
    batch=st.integers(1, 50),
    crashes=st.lists(st.integers(1, 10), max_size=5),
    uncommitted=st.integers(1, 60),
)
def test_every_row_is_there_once_whatever_breaks(count, batch, crashes, uncommitted):
    table = Table()
    limits = pipe(max_batch_rows=batch, max_uncommitted_rows=uncommitted)

    async def run():
        for crash in crashes:
            table.crash_at = table.appends + crash
            with contextlib.suppress(UnreachableError):
                await Ingester(table, limits, quarantine=nobody).run(numbers(count))
        table.crash_at = 0
        return await Ingester(table, limits, quarantine=nobody).run(numbers(count))

    done = asyncio.run(run())
    assert [row["ID"] for row in table.rows] == list(range(1, count + 1))
    assert done.offset == (count or None)


def test_what_is_under_way_has_a_limit():
    table = Table(delay=0.02)
    limits = pipe(max_batch_rows=10, max_uncommitted_rows=30)
    done = asyncio.run(Ingester(table, limits, quarantine=nobody).run(numbers(300)))
    assert done.rows == 300
    assert table.most_waiting <= 40


def test_rows_that_do_not_become_durable_end_in_an_error_within_the_time():
    started = time.monotonic()
    with pytest.raises(IngestError, match=r"5 rows of EVENTS are not durable after 0\.3 s.*Start again"):
        asyncio.run(Ingester(Table(delay=60), pipe(commit_seconds=0.3), quarantine=nobody).run(numbers(5)))
    assert time.monotonic() - started < 15


def test_rows_that_break_their_contract_are_put_aside_and_the_others_go_on():
    table, aside = Table(), []

    def check(values):
        if values["ID"] % 3 == 0:
            raise ValueError("a multiple of three")
        return values

    async def quarantine(row, reason):
        aside.append((row.offset, reason))

    done = asyncio.run(Ingester(table, pipe(), quarantine=quarantine, check=check).run(numbers(10)))
    assert [row["ID"] for row in table.rows] == [1, 2, 4, 5, 7, 8, 10]
    assert aside == [(offset, "a multiple of three") for offset in (3, 6, 9)]
    assert (done.rows, done.quarantined, done.offset) == (7, 3, 10)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"ID); DROP TABLE EVENTS; --": 1}, "not a column name"),
        ({"id": 1}, "not a column name"),
        ({"ID": "x" * 2000}, "2009 bytes, 1024 are allowed"),
        ({"ID": object()}, "object"),
    ],
)
def test_what_cannot_be_written_is_put_aside_too(values, reason):
    aside = []

    async def source(after):
        yield SourceRow(1, values)

    async def quarantine(row, said):
        aside.append(said)

    asyncio.run(Ingester(Table(), pipe(max_batch_bytes=1024), quarantine=quarantine).run(source))
    assert reason in aside[0]


def test_a_quarantine_that_is_full_stops_everything_before_its_row_is_passed():
    table = Table()

    def check(values):
        if values["ID"] == 5:
            raise ValueError("five")
        return values

    async def full(row, reason):
        raise OSError(28, "No space left on device")

    with pytest.raises(IngestError, match=r"offset 5 of EVENTS cannot be put aside: No space left"):
        asyncio.run(Ingester(table, pipe(max_batch_rows=2), quarantine=full, check=check).run(numbers(9)))
    assert table.offset is None or table.offset < 5


def test_a_source_that_goes_back_is_refused():
    async def source(after):
        yield SourceRow(2, {"ID": 2})
        yield SourceRow(2, {"ID": 2})

    with pytest.raises(IngestError, match="offset 2 after 2"):
        asyncio.run(Ingester(Table(), pipe(), quarantine=nobody).run(source))


def test_a_slow_source_does_not_hold_rows_back():
    table, seen = Table(), []

    async def source(after):
        yield SourceRow(1, {"ID": 1})
        await asyncio.sleep(2)
        seen.append(table.offset)
        yield SourceRow(2, {"ID": 2})

    asyncio.run(Ingester(table, pipe(max_delay_seconds=0.05), quarantine=nobody).run(source))
    assert seen == [1]


def test_a_second_writer_shuts_the_first_one_out(running):
    async def run():
        first = EmbeddedChannel(running.endpoint(), pipe(table="FENCED"), "c")
        second = EmbeddedChannel(running.endpoint(), pipe(table="FENCED"), "c")
        try:
            await first.open()
            await first.append([], 0, 0)
            assert await second.open() == 0
            with pytest.raises(IngestError, match="another process has opened the channel"):
                await first.append([], 1, 1)
            await second.append([], 1, 1)
            assert await second.committed() == 1
        finally:
            await first.close()
            await second.close()

    asyncio.run(run())
    assert running.engine.sessions == 0


def test_rows_that_the_table_does_not_take_leave_the_offset_where_it_was(running):
    async def run():
        channel = EmbeddedChannel(running.endpoint(), pipe(table="NOWHERE"), "c")
        try:
            await channel.open()
            with pytest.raises(WarehouseError, match="NOWHERE"):
                await channel.append([{"ID": 1}], 1, 1)
        finally:
            await channel.close()
        again = EmbeddedChannel(running.endpoint(), pipe(table="NOWHERE"), "c")
        try:
            return await again.open()
        finally:
            await again.close()

    assert asyncio.run(run()) is None


def test_a_channel_without_a_server_says_so():
    nowhere = EmbeddedWarehouse.model_validate({"kind": "embedded", "port": 9, "database": "ANALYTICS"})
    channel = EmbeddedChannel(nowhere, pipe(), "c")

    async def run():
        with pytest.raises(UnreachableError, match="cannot be reached"):
            await channel.open()
        await channel.close()
        with pytest.raises(WarehouseError, match="closed"):
            await channel.append([{"ID": 1}], 1, 1)

    asyncio.run(run())


def test_kill_minus_nine_loses_and_doubles_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")  # what the server of processes is told is gone with the test
    (tmp_path / "data").mkdir()
    with emulator(tmp_path / "data") as server:
        outcome = kill_often(server.port, 4, tmp_path, rows=1_500, seed=7, longest=0.5)
    assert (outcome.lost, outcome.doubled, outcome.missing, outcome.not_quarantined) == (0, 0, 0, 0)
    assert outcome.kills_while_writing >= 2
