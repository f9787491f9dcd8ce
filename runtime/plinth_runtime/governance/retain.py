"""Deletes what is older than its class lets it be, except what a legal hold keeps, and writes a receipt of it."""

import asyncio
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.config import GovernanceConfig
from plinth_runtime.governance.ingest import load
from plinth_runtime.governance.receipts import Ledger
from plinth_runtime.governance.stores import Closed, opened
from plinth_runtime.governance.subjects import Place, SubjectStore

FAILED = 3
"""Exit status: a store could not be swept; the others were."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of the old data in one place."""

    store: str
    place: str
    data_class: str
    before: str
    """What was written before is gone."""
    deleted: int
    held: str = ""
    """The legal hold that kept everything there."""
    error: str = ""


def run(config_path: str) -> int:
    """Sweep every store; return the exit status.

    Raises:
        StartupError: nothing is configured, or the receipt could not be written.
    """
    return asyncio.run(_run(load(config_path), datetime.now(UTC)))


async def _run(config: GovernanceConfig, now: datetime) -> int:
    if config.receipts is None:
        raise StartupError("the configuration has no receipts: nothing is deleted without one")
    ledger, swept = Ledger(config.receipts), list[Swept]()
    async with opened(config) as stores:
        for store in stores:
            for place in store.places:
                if (done := await _sweep(config, store, place, now)) is not None:
                    swept.append(done)
    for item in swept:
        what = item.error or (f"kept by legal hold {item.held}" if item.held else f"{item.deleted} deleted")
        print(f"{item.store}/{item.place}: {what}")  # noqa: T201 - the Job's log
    if any(item.deleted for item in swept):
        receipt = {
            "version": "v1",
            "kind": "retention",
            "environment": config.environment,
            "started": now.isoformat(timespec="milliseconds"),
            "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "places": [asdict(item) for item in swept],
        }
        written = await asyncio.to_thread(ledger.append, receipt)
        print(f"receipt {written.number}: {written.place}")  # noqa: T201 - the Job's log
    return FAILED if any(item.error for item in swept) else 0


async def _sweep(config: GovernanceConfig, store: SubjectStore | Closed, place: Place, now: datetime) -> Swept | None:
    """Sweep one place; None where nothing goes by age."""
    rules = config.rules(place.data_class)
    if rules is None or rules.retention_days is None:
        return None
    before = now - timedelta(days=rules.retention_days)

    def swept(deleted: int = 0, held: str = "", error: str = "") -> Swept:
        return Swept(store.name, place.name, place.data_class, before.isoformat(), deleted, held, error)

    holds = [hold for hold in config.holds if hold.covers(place.data_class)]
    if everybody := next((hold for hold in holds if not hold.subjects), None):
        return swept(held=everybody.name)
    if isinstance(store, Closed):
        return swept(error=store.reason)
    persons = sorted({subject for hold in holds for subject in hold.subjects})
    try:
        return swept(await store.expire(place, before, persons))
    except StartupError as error:
        return swept(error=str(error))
