"""`plinth-runtime watch-tables`: measures freshness, volume and quarantine regularly, and shows them to Prometheus."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime

from plinth_runtime import names
from plinth_runtime.errors import StartupError
from plinth_runtime.governance import tables
from plinth_runtime.governance.blobs import blobs
from plinth_runtime.governance.config import Contract, GovernanceConfig
from plinth_runtime.governance.databases import Database, connect
from plinth_runtime.governance.ingest import load
from plinth_runtime.governance.quarantine import Quarantine
from plinth_runtime.logs import Log, setup

ANYWHERE = "0.0.0.0"  # noqa: S104 - inside a pod; the network policy decides who may reach it


class Watch:
    """What was measured last. A table that cannot be measured has no values, which is an alert of its own."""

    def __init__(self, config: GovernanceConfig) -> None:
        from prometheus_client import CollectorRegistry, Gauge

        self._config = config
        self.registry = CollectorRegistry()
        label = [names.TABLE_LABEL]
        self._newest = Gauge(
            names.TABLE_NEWEST_TIMESTAMP, "When the newest row was written", label, registry=self.registry
        )
        self._rows = Gauge(names.TABLE_ROWS_LAST_DAY, "Rows of the last 24 hours", label, registry=self.registry)
        self._held = Gauge(names.TABLE_QUARANTINED_ROWS, "Rows in quarantine", label, registry=self.registry)
        self._measured = Gauge(
            names.TABLE_MEASURED_TIMESTAMP, "When the table was last measured", label, registry=self.registry
        )

    async def look(self) -> dict[str, str]:
        """Measure every table; gives what went wrong, by table."""
        troubles: dict[str, str] = {}
        for store in self._config.stores:
            mine = [table for table in self._config.tables if table.store == store.name and table.written]
            if not mine:
                continue
            try:
                database = await connect(store)
            except StartupError as error:
                troubles |= {table.name: str(error) for table in mine}
                continue
            try:
                for table in mine:
                    await self._table(database, table, troubles)
            finally:
                await database.close()
        try:
            await asyncio.to_thread(self._quarantine)
        except StartupError as error:
            troubles["quarantine"] = str(error)
        return troubles

    async def _table(self, database: Database, table: Contract, troubles: dict[str, str]) -> None:
        try:
            found = await tables.measure(database, table, datetime.now(UTC))
        except StartupError as error:
            troubles[table.name] = str(error)
            return
        # An empty table is as old as can be.
        self._newest.labels(table.name).set(found.newest.timestamp() if found.newest else 0)
        self._rows.labels(table.name).set(found.rows_last_day)
        self._measured.labels(table.name).set(time.time())

    def _quarantine(self) -> None:
        held = dict.fromkeys((table.name for table in self._config.tables), 0)
        for batch in Quarantine(blobs(self._config.work)).batches():
            held[batch.table] = held.get(batch.table, 0) + len(batch.rows)
        for name, rows in held.items():
            self._held.labels(name).set(rows)


def run(config_path: str) -> int:
    """Measure until SIGTERM; return the exit status.

    Raises:
        StartupError: the configuration is not valid, or the port is taken.
    """
    config = load(config_path)
    asyncio.run(_run(config, setup(config.environment)))
    return 0


async def _run(config: GovernanceConfig, log: Log) -> None:
    from prometheus_client import start_http_server

    watch, stop = Watch(config), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        server, thread = start_http_server(
            config.port, os.environ.get(names.BIND_HOST_VARIABLE) or ANYWHERE, watch.registry
        )
    except OSError as error:
        raise StartupError(f"cannot listen on port {config.port}: {error.strerror or error}") from None
    log.info("listening", port=config.port)
    try:
        while not stop.is_set():
            for table, trouble in (await watch.look()).items():
                log.warning("not_measured", table=table, reason=trouble)
            try:
                await asyncio.wait_for(stop.wait(), config.measure_seconds)
            except TimeoutError:
                continue
    finally:
        server.shutdown()
        thread.join(5)
