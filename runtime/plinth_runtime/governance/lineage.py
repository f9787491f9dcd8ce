"""Lineage as OpenLineage events: which run read and wrote which datasets.

Events go where the configuration says and nowhere else: the client's own configuration files and environment
variables are not read, and it has no telemetry. Source: OpenLineage, "Object model" and "Naming conventions".
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.governance.config import Column, Contract, GovernanceConfig, HttpLineage, PostgresStore

if TYPE_CHECKING:
    from plinth_runtime.governance.config import Lineage

PRODUCER = "https://plinth.dev/runtime"
"""Name of what sends the events; nobody calls this address."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a run reads or writes."""

    namespace: str
    """The store, by OpenLineage's naming conventions."""
    name: str
    columns: tuple[Column, ...] = ()


def dataset(config: GovernanceConfig, table: Contract) -> Dataset:
    """A table with a contract, as lineage names it."""
    store = next(store for store in config.stores if store.name == table.store)
    if isinstance(store, PostgresStore):
        name = f"{store.database}.{table.schema_name or 'public'}.{table.table}"
        return Dataset(f"postgres://{store.host}:{store.port}", name, tuple(table.columns))
    return Dataset("file", f"{store.path}/{table.table}", tuple(table.columns))


class Run:
    """One run of a job: said when it starts, and how it ends."""

    def __init__(self, emitter: "Emitter", job: str, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> None:
        self._emitter, self._job, self._inputs, self._outputs = emitter, job, inputs, outputs
        self._id = str(uuid.uuid4())

    def start(self) -> None:
        """Say that it starts."""
        self._say("START")

    def complete(self, rows: int) -> None:
        """Say that it is done, with the rows that it wrote."""
        self._say("COMPLETE", rows)

    def fail(self) -> None:
        """Say that it failed."""
        self._say("FAIL")

    def _say(self, state: str, rows: int | None = None) -> None:
        self._emitter.emit(state, self._id, self._job, self._inputs, self._outputs, rows)


class Emitter:
    """Sends events. One that cannot be sent is counted and reported: it never stops the work that it tells of."""

    def __init__(self, target: "Lineage | None", namespace: str) -> None:
        self._namespace = namespace
        self._transport = _transport(target) if target else None
        self.trouble: str | None = None
        """Why the last event that was lost could not be sent."""

    def run(self, job: str, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> Run:
        """A run of a job, not yet said."""
        return Run(self, job, inputs, outputs)

    def emit(
        self, state: str, run: str, job: str, inputs: Sequence[Dataset], outputs: Sequence[Dataset], rows: int | None
    ) -> None:
        """Send one event."""
        if self._transport is None:
            return
        from openlineage.client import event_v2

        event = event_v2.RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=event_v2.RunState[state],
            run=event_v2.Run(runId=run),
            job=event_v2.Job(namespace=self._namespace, name=job),
            producer=PRODUCER,
            inputs=[_input(item) for item in inputs],
            outputs=[_output(item, rows) for item in outputs],
        )
        try:
            self._transport.emit(event)
        except Exception as error:  # noqa: BLE001 - whatever the client's transports raise, lineage is not the work
            self.trouble = f"{type(error).__name__}: {error}"[:300]


def _transport(target: "Lineage") -> Any:
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    if not isinstance(target, HttpLineage):
        path = resolve(target.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(f"cannot write lineage to {path}: {error.strerror or error}") from None
        return FileTransport(FileConfig(log_file_path=str(path), append=True))
    auth = TokenProvider({})
    if target.key_file:
        key = read(resolve(target.key_file), "the key of the lineage catalog").decode().strip()
        auth = ApiKeyTokenProvider({"apiKey": key})
    return HttpTransport(HttpConfig(url=target.url, timeout=target.timeout_seconds, auth=auth, retry={"total": 1}))


def _facets(item: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import schema_dataset

    if not item.columns:
        return {}
    fields = [schema_dataset.SchemaDatasetFacetFields(name=column.name, type=column.type) for column in item.columns]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def _input(item: Dataset) -> Any:
    from openlineage.client import event_v2

    return event_v2.InputDataset(namespace=item.namespace, name=item.name, facets=_facets(item))


def _output(item: Dataset, rows: int | None) -> Any:
    from openlineage.client import event_v2
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    facets: dict[str, Any] = {}
    if rows is not None:
        facets = {"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows)}
    return event_v2.OutputDataset(namespace=item.namespace, name=item.name, facets=_facets(item), outputFacets=facets)
