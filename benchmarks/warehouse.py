"""`python -m benchmarks.warehouse [ROWS]`: a large result as Arrow batches, and as Python rows with `fetchall`.

Both over Snowflake's protocol from the same emulator, each in a process of its own; ratios count, not numbers.
"""

import asyncio
import json
import resource
import socket
import subprocess
import sys
import time

ROUNDS = 3
SQL = "SELECT id, id * 2 AS v, 'text of some length ' || id AS t FROM numbers"


async def prepare(port: int, rows: int) -> None:
    """Make the table."""
    from plinth_runtime.warehouse.client import Warehouse

    sql = f"CREATE TABLE numbers AS SELECT SEQ4() AS id FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"
    async with Warehouse(_endpoint(port)) as warehouse:
        await warehouse.execute(sql, [], _context())


async def arrow(port: int) -> int:
    """Read with our client, batch by batch."""
    from plinth_runtime.warehouse.client import Warehouse

    count = 0
    async with Warehouse(_endpoint(port)) as warehouse, warehouse.stream(SQL, [], _context()) as rows:
        async for batch in rows:
            count += batch.num_rows
    return count


async def fetchall(port: int) -> int:
    """Read as most programs do."""
    import snowflake.connector

    connection = snowflake.connector.connect(
        user="x", password="x", account="embedded", host="127.0.0.1", port=port, protocol="http",
        database="ANALYTICS", schema="PUBLIC", platform_detection_timeout_seconds=0.0,
    )  # fmt: skip
    return len(connection.cursor().execute(SQL).fetchall())


def _endpoint(port: int):  # noqa: ANN202 - imported late, so that each process loads only what it measures
    from plinth_runtime.warehouse.config import EmbeddedWarehouse

    return EmbeddedWarehouse(kind="embedded", port=port, database="ANALYTICS")


def _context():  # noqa: ANN202
    from plinth_runtime.warehouse.request import Context

    return Context("platform", "benchmark", "benchmark")


def one(kind: str, port: int) -> None:
    """Measure in this process; memory is what the result added to the most that was ever held."""
    work = {"arrow": arrow, "fetchall": fetchall}[kind]
    import pyarrow  # noqa: F401 - both need it loaded
    import snowflake.connector.aio  # noqa: F401

    import plinth_runtime.warehouse.client  # noqa: F401

    before, started = _peak_mib(), time.monotonic()
    rows = asyncio.run(work(port))
    print(json.dumps({"rows": rows, "seconds": time.monotonic() - started, "mib": _peak_mib() - before}))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int) -> None:
    """Run both in turn and print medians and ratios."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "plinth_runtime", "warehouse-emulator", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        _wait(port)
        asyncio.run(prepare(port, rows))
        found: dict[str, list[dict[str, float]]] = {"arrow": [], "fetchall": []}
        for _ in range(ROUNDS):
            for kind, runs in found.items():
                told = [sys.executable, "-W", "ignore", "-m", "benchmarks.warehouse", kind, str(port)]
                runs.append(json.loads(subprocess.run(told, capture_output=True, text=True, check=True).stdout))
    finally:
        server.terminate()
        server.wait(20)
    median = {
        kind: {field: sorted(run[field] for run in runs)[ROUNDS // 2] for field in ("rows", "seconds", "mib")}
        for kind, runs in found.items()
    }
    for kind, values in median.items():
        print(f"{kind:<9}{values['rows']:>10.0f} rows {values['seconds']:>8.2f} s {values['mib']:>8.0f} MiB")
    times, memory = (median["fetchall"][field] / median["arrow"][field] for field in ("seconds", "mib"))
    print(f"fetchall against Arrow: {times:.1f} times the time, {memory:.1f} times the memory")


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the emulator did not start")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        one(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
