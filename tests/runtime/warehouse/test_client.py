"""The client against the emulator, over the real connector and the real protocol."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from decimal import Decimal

import pyarrow as pa
import pytest

from plinth_runtime.warehouse.client import Warehouse
from plinth_runtime.warehouse.errors import (
    DeadlineError,
    QueryFailedError,
    RefusedStatementError,
    TooLargeError,
)
from plinth_runtime.warehouse.request import Context

WAREHOUSES = {
    "applications": {"normal": "APPS", "urgent": "APPS_URGENT"},
    "bi": {"normal": "BI"},
}
SEARCH = Context("search", "tests", "request-1")
SLOW = "SELECT SUM(a.id * b.id % 7) AS s FROM numbers a, numbers b, numbers c"


def with_warehouse(running, work, **more):
    async def run():
        async with Warehouse(running.endpoint(warehouses=WAREHOUSES, **more)) as warehouse:
            return await work(warehouse)

    return asyncio.run(run())


@pytest.fixture(scope="module", autouse=True)
def numbers(running):
    sql = "CREATE TABLE numbers AS SELECT SEQ4() AS id, SEQ4() * 2 AS v FROM TABLE(GENERATOR(ROWCOUNT => 10500))"
    with_warehouse(running, lambda warehouse: warehouse.execute(sql, [], SEARCH))


def test_rows_come_as_arrow_batches_in_order_and_all_of_them(running):
    async def work(warehouse):
        async with warehouse.stream("SELECT id, v FROM numbers WHERE id >= ? ORDER BY id", [500], SEARCH) as rows:
            assert rows.schema.names == ["ID", "V"]
            assert rows.query_id
            return [batch async for batch in rows]

    batches = with_warehouse(running, work)
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert max(batch.num_rows for batch in batches) <= 1_000
    assert pa.Table.from_batches(batches)["ID"].to_pylist() == list(range(500, 10_500))


def test_values_are_bound_and_never_part_of_the_sql(running):
    nasty = "x' OR 1=1; DROP TABLE numbers; --"

    async def work(warehouse):
        return await warehouse.fetch("SELECT ? AS t, ? AS n, ? AS f, ? AS b", [nasty, 7, 1.5, None], SEARCH)

    (row,) = with_warehouse(running, work).to_pylist()
    assert row["T"] == nasty
    assert Decimal(str(row["N"])) == 7
    assert row["B"] is None
    assert nasty not in running.engine.history[-1].sql


def test_every_query_says_whose_it_is_and_what_for_and_where_it_runs(running):
    contexts = [
        SEARCH,
        Context("support", "dashboard", "request-2", workload="bi", urgency="urgent"),
        Context("search", 'chat "quoted"', "request-3", urgency="urgent"),
    ]

    async def work(warehouse):
        for context in contexts:
            await warehouse.fetch("SELECT 1 AS a", [], context, cached=False)

    with_warehouse(running, work, tags={"always": {"environment": "test"}})
    seen = list(running.engine.history)[-3:]
    assert [query.warehouse for query in seen] == ["APPS", "BI", "APPS_URGENT"]
    for query, context in zip(seen, contexts, strict=True):
        assert json.loads(query.tag) == {
            "tenant": context.tenant,
            "purpose": context.purpose,
            "request_id": context.request_id,
            "environment": "test",
        }


def test_a_connection_is_used_again_and_never_for_another_warehouse(running):
    async def work(warehouse):
        for urgency in ("normal", "urgent", "normal", "urgent", "normal"):
            await warehouse.fetch("SELECT 2 AS a", [], Context("search", "t", "r", urgency=urgency), cached=False)
        return running.engine.sessions

    assert with_warehouse(running, work) == 2
    assert running.engine.sessions == 0


def test_the_pool_has_a_limit_and_those_who_wait_get_their_turn(running):
    async def work(warehouse):
        async def one(number):
            urgency = "urgent" if number % 2 else "normal"
            context = Context("search", "t", str(number), urgency=urgency)
            return (await warehouse.fetch("SELECT ? AS a", [number], context)).to_pylist()[0][
                "A"
            ], running.engine.sessions

        return await asyncio.gather(*(one(number) for number in range(12)))

    answers = with_warehouse(running, work, pool={"max_connections": 3})
    assert [int(answer) for answer, _ in answers] == list(range(12))
    assert max(sessions for _, sessions in answers) <= 4, "one may still be saying goodbye"


def test_deterministic_reads_are_kept_for_the_same_tenant_only(running):
    async def work(warehouse):
        before = len(running.engine.history)
        first = await warehouse.fetch("SELECT COUNT(*) AS n FROM numbers WHERE id < ?", [10], SEARCH)
        again = await warehouse.fetch("select count(*) as n from numbers where id < ?", [10], SEARCH)
        assert again is first
        assert len(running.engine.history) == before + 1
        await warehouse.fetch("SELECT COUNT(*) AS n FROM numbers WHERE id < ?", [11], SEARCH)
        await warehouse.fetch("SELECT COUNT(*) AS n FROM numbers WHERE id < ?", [10], Context("support", "t", "r"))
        await warehouse.fetch("SELECT CURRENT_TIMESTAMP() AS t", [], SEARCH)
        await warehouse.fetch("SELECT CURRENT_TIMESTAMP() AS t", [], SEARCH)
        warehouse.forget("search")
        await warehouse.fetch("SELECT COUNT(*) AS n FROM numbers WHERE id < ?", [10], SEARCH)
        return len(running.engine.history) - before

    assert with_warehouse(running, work) == 6


def test_read_only_callers_are_refused_before_anything_is_sent(running):
    agent = Context("search", "agent", "r", read_only=True)

    async def work(warehouse):
        before = len(running.engine.history)
        for sql in ("DELETE FROM numbers", "SELECT 1; DROP TABLE numbers", "SELECT SYSTEM$WAIT(1)"):
            with pytest.raises(RefusedStatementError):
                await warehouse.fetch(sql, [], agent)
        assert len(running.engine.history) == before
        return (await warehouse.fetch("SELECT COUNT(*) AS n FROM numbers", [], agent)).to_pylist()

    assert with_warehouse(running, work) == [{"N": 10_500}]


def test_writes_count_their_rows(running):
    async def work(warehouse):
        await warehouse.execute("CREATE OR REPLACE TABLE written (id INT, name TEXT)", [], SEARCH)
        done = await warehouse.execute("INSERT INTO written VALUES (?, ?), (?, ?)", [1, "a", 2, "b"], SEARCH)
        changed = await warehouse.execute("UPDATE written SET name = ? WHERE id > ?", ["c", 0], SEARCH)
        return done.rows_affected, changed.rows_affected

    assert with_warehouse(running, work) == (2, 2)


def test_what_the_server_refuses_has_its_number_and_what_to_do(running):
    async def work(warehouse):
        with pytest.raises(QueryFailedError, match="check database and schema, then the grants") as failure:
            await warehouse.fetch("SELECT * FROM nowhere", [], SEARCH)
        assert failure.value.code == 2003
        # The connection is as good as before.
        await warehouse.fetch("SELECT 3 AS a", [], SEARCH)
        return running.engine.sessions

    assert with_warehouse(running, work) == 1


def test_a_workload_without_a_warehouse_is_named(running):
    endpoint = running.endpoint(warehouses=WAREHOUSES)
    from plinth_runtime.warehouse.config import SnowflakeConnection
    from plinth_runtime.warehouse.request import warehouse_of

    account = SnowflakeConnection.model_validate(
        {
            "account": "ACME-PROD",
            "user": "U",
            "role": "R",
            "keys": [{"file": "/k"}],
            "database": "D",
            "warehouses": WAREHOUSES,
        }
    )
    with pytest.raises(RefusedStatementError, match=r"workload ml has no warehouse \(there are: applications, bi\)"):
        warehouse_of(account, Context("search", "t", "r", workload="ml"))
    assert warehouse_of(endpoint, Context("search", "t", "r", workload="ml")) is None


def test_a_result_larger_than_the_limit_is_not_read_to_its_end(running):
    async def work(warehouse):
        with pytest.raises(TooLargeError, match="use `stream`"):
            await warehouse.fetch("SELECT * FROM numbers", [], SEARCH, max_bytes=20_000)

    with_warehouse(running, work)


def test_a_deadline_is_kept_and_the_query_stopped_at_the_server(running):
    async def work(warehouse):
        started = time.monotonic()
        with pytest.raises(DeadlineError, match="told to stop"):
            await warehouse.fetch(SLOW, [], SEARCH, seconds=0.5)
        took = time.monotonic() - started
        # Nobody gets the connection on which it still runs.
        await warehouse.fetch("SELECT 5 AS a", [], SEARCH, seconds=20)
        return took

    assert with_warehouse(running, work, pool={"max_connections": 1}) < 15
    slow = next(query for query in reversed(running.engine.history) if query.sql == SLOW)
    assert slow.request_id in running.engine.aborted
    assert running.engine.sessions == 0


def test_a_cancelled_task_stops_its_query_at_the_server(running):
    async def work(warehouse):
        task = asyncio.create_task(warehouse.fetch(SLOW, [], SEARCH))
        for _ in range(500):
            if running.engine.history[-1].sql == SLOW and running.engine.running:
                break
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_warehouse(running, work)
    assert running.engine.history[-1].request_id in running.engine.aborted
    assert running.engine.running == 0


def test_leaving_a_stream_early_gives_its_connection_back(running):
    async def work(warehouse):
        for _ in range(5):
            async with warehouse.stream("SELECT * FROM numbers", [], SEARCH) as rows:
                async for _batch in rows:
                    break
        return running.engine.sessions

    assert with_warehouse(running, work, pool={"max_connections": 1}) == 1


def test_cancelling_at_any_moment_loses_no_place_and_no_thread(running):
    async def work(warehouse):
        for delay in [0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.08] * 3:
            task = asyncio.create_task(warehouse.fetch("SELECT * FROM numbers", [], SEARCH, cached=False))
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # With two places, a lost one shows.
        return await asyncio.wait_for(
            asyncio.gather(*(warehouse.fetch("SELECT ? AS a", [n], SEARCH) for n in range(8))), 60
        )

    assert len(with_warehouse(running, work, pool={"max_connections": 2})) == 8
    assert not [thread for thread in threading.enumerate() if thread.name == "warehouse"]


def test_the_connector_sends_nothing_about_itself_even_where_the_server_asks_for_it(running):
    with_warehouse(running, lambda warehouse: warehouse.fetch("SELECT 6 AS a", [], SEARCH))
    assert list(running.wire.unknown) == []


def test_a_closed_warehouse_says_so(running):
    async def work():
        async with Warehouse(running.endpoint()) as warehouse:
            pass
        with pytest.raises(RuntimeError, match="closed"):
            await warehouse.fetch("SELECT 1", [], SEARCH)

    asyncio.run(work())


def test_the_emulator_is_a_command_and_keeps_what_it_has(tmp_path, helpers):
    from plinth_runtime.warehouse.config import EmbeddedWarehouse

    port = helpers.free_port()
    endpoint = EmbeddedWarehouse(kind="embedded", port=port, database="ANALYTICS")
    command = [sys.executable, "-m", "plinth_runtime", "warehouse-emulator", "--port", str(port)]

    def served(sql):
        process = subprocess.Popen([*command, "--folder", str(tmp_path / "kept")], stderr=subprocess.PIPE)
        try:
            helpers.until(lambda: socket.create_connection(("127.0.0.1", port), 1), what="the emulator")

            async def work():
                async with Warehouse(endpoint) as warehouse:
                    return (await warehouse.fetch(sql, [], SEARCH)).to_pylist()

            return asyncio.run(work())
        finally:
            process.terminate()
            process.wait(20)

    served("CREATE TABLE kept AS SELECT 7 AS a")
    assert served("SELECT a FROM kept") == [{"A": 7}]
