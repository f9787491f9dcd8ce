"""A process that ingests numbers until it is killed.

It writes every acknowledged offset to a file, so that the test knows what must never be lost.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from plinth_runtime.warehouse.channels import SourceRow
from plinth_runtime.warehouse.config import EmbeddedWarehouse, IngestPipe
from plinth_runtime.warehouse.embedded_channel import EmbeddedChannel
from plinth_runtime.warehouse.ingest import Ingester

PLACE = {"database": "ANALYTICS", "schema_name": "PUBLIC", "table": "EVENTS"}
PIPE = IngestPipe.model_validate(PLACE | {"max_batch_rows": 40, "max_delay_seconds": 0.05, "commit_seconds": 30})


async def main(port: int, rows: int, channel: str, progress: int) -> None:
    endpoint = EmbeddedWarehouse(kind="embedded", port=port, database="ANALYTICS")

    async def source(after: int | None) -> AsyncIterator[SourceRow]:
        for offset in range((after or 0) + 1, rows + 1):
            await asyncio.sleep(0)
            yield SourceRow(offset, {"ID": offset, "BODY": f"event {offset}", "BAD": offset % 10 == 0})

    def check(values):
        if values["BAD"]:
            raise ValueError("a multiple of ten")
        return {"ID": values["ID"], "BODY": values["BODY"]}

    async def quarantine(row: SourceRow, reason: str) -> None:
        os.write(progress, f"q{row.offset}\n".encode())

    def acknowledge(offset: int) -> None:
        os.write(progress, f"a{offset}\n".encode())

    port_of_table = EmbeddedChannel(endpoint, PIPE, channel)
    await Ingester(port_of_table, PIPE, quarantine=quarantine, check=check, acknowledge=acknowledge).run(source)


def start(port: int, rows: int, channel: str, progress: str) -> None:
    asyncio.run(main(port, rows, channel, os.open(progress, os.O_WRONLY | os.O_APPEND | os.O_CREAT)))
