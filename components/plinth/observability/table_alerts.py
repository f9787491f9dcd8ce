"""Alert rules of tables with a contract, of erasure and of retention. Pure."""

from collections.abc import Iterator

from plinth import naming
from plinth.governance import plan as governor
from plinth.observability.alert import Alert
from plinth.spec import PlatformSpec
from plinth.spec.governance import Table
from plinth_runtime import names

MEASURE_SECONDS = 1800
"""Seconds after which a table that was not measured counts as not watched: six looks of the governor."""

RETAIN_SECONDS = 2 * 24 * 3600
"""Seconds without a sweep that succeeded: one night may fail."""

ERASE_SECONDS = 6 * 3600
"""Seconds without an hourly erasure run that succeeded."""


def alerts(spec: PlatformSpec) -> Iterator[Alert]:
    """Every alert of what governs data."""
    section = spec.governance
    if section is None or not section.governs:
        return
    for table in section.tables:
        if table.measured:
            yield from _table(table)
    if section.tables:
        yield Alert(
            "RowsQuarantined",
            f"{names.TABLE_QUARANTINED_ROWS} > 0",
            60,
            "warning",
            f"{{{{ $value }}}} rows of table {{{{ $labels.{names.TABLE_LABEL} }}}} break its contract",
            "`plinth-runtime quarantine list` says why. Mend the source or the contract, then replay them.",
        )
    yield from _jobs()


def _table(table: Table) -> Iterator[Alert]:
    chosen = f'{{{names.TABLE_LABEL}="{table.name}"}}'
    if table.freshness_minutes is not None:
        yield Alert(
            "TableStale",
            f"time() - {names.TABLE_NEWEST_TIMESTAMP}{chosen} > {table.freshness_minutes * 60}",
            5,
            "warning",
            f"Table {table.name} has had no new row for more than {table.freshness_minutes} minutes",
            f"Team {table.owner} answers for it: look at what writes it.",
        )
    bounds = table.rows_per_day
    rows = f"{names.TABLE_ROWS_LAST_DAY}{chosen}"
    limits = [f"{rows} < {bounds.least}"] if bounds and bounds.least is not None else []
    limits += [f"{rows} > {bounds.most}"] if bounds and bounds.most is not None else []
    if limits:
        yield Alert(
            "TableVolume",
            " or ".join(limits),
            30,
            "warning",
            f"Table {table.name} got {{{{ $value }}}} rows in 24 hours, which is not what its contract says",
            f"Team {table.owner} answers for it: rows are missing, or come twice.",
        )
    yield Alert(
        "TableNotMeasured",
        f"absent({names.TABLE_MEASURED_TIMESTAMP}{chosen})"
        f" or time() - {names.TABLE_MEASURED_TIMESTAMP}{chosen} > {MEASURE_SECONDS}",
        15,
        "warning",
        f"Nobody measures table {table.name}: its other alerts are silent",
        "The log of the Deployment governor in plinth-system says why.",
    )


def _jobs() -> Iterator[Alert]:
    for part, seconds, what in (
        ("erase", ERASE_SECONDS, "Requests for the erasure of persons are not carried out"),
        ("retain", RETAIN_SECONDS, "What is older than its class allows is not deleted"),
    ):
        chosen = f'{{namespace="{naming.SYSTEM_NAMESPACE}",cronjob="{governor.APP}-{part}"}}'
        yield Alert(
            f"Governor{part.capitalize()}Late",
            f"time() - kube_cronjob_status_last_successful_time{chosen} > {seconds}",
            15,
            "critical",
            what,
            f"The log of the newest Job of CronJob {governor.APP}-{part} in plinth-system says which store and why.",
        )
