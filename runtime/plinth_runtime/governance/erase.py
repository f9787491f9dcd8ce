"""Erases a person from every store, and proves it.

For each place: look, delete, look again. What the receipt says is what the stores answered, and nothing else: what was
found, what a store said is gone, what a second look still found. A store that fails does not stop the others; the next
run does what is left. A journal keeps what was found before the first deletion, so that a crash loses no count.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.blobs import Blobs, blobs
from plinth_runtime.governance.config import ClassRules, GovernanceConfig, Hold
from plinth_runtime.governance.ingest import load
from plinth_runtime.governance.receipts import Ledger, Written
from plinth_runtime.governance.stores import Closed, opened
from plinth_runtime.governance.subjects import Place, SubjectStore, check_subject, fingerprint

Outcome = Literal["absent", "erased", "anonymized", "kept", "held", "incomplete", "failed", "would_erase"]
"""absent: nothing was there; kept: its class is not erased; held: by a legal hold; incomplete: rows came while others
went; failed: the store could not do it."""

DONE, FAILED, HELD = 0, 3, 4
"""Exit status: everything that may go is gone; something is left over, run it again; a legal hold keeps something."""

JOURNAL = "erasures/"
REQUESTS = "requests/"
LOOKS = 3
"""Times that a place is emptied while new rows of the person keep coming."""


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a person's data in one place."""

    store: str
    place: str
    data_class: str
    outcome: Outcome
    found: int
    """Rows or files before the first deletion."""
    erased: int
    """What the store said is gone."""
    left: int
    """What a look afterwards found."""
    reason: str = ""
    """Why it is not gone."""


class Journal:
    """What was found of a person, until the receipt is written."""

    def __init__(self, files: Blobs, name: str) -> None:
        self._files, self._name = files, f"{JOURNAL}{name}.json"
        before = files.read(self._name)
        self.resumed = before is not None
        self._counts: dict[str, list[int]] = json.loads(before) if before else {}

    def counts(self, store: str, place: str) -> tuple[int, int]:
        """What was found and what was erased in runs before."""
        found, erased = self._counts.get(f"{store}/{place}", (0, 0))
        return found, erased

    def note(self, store: str, place: str, found: int, erased: int) -> None:
        """Remember counts, on disk."""
        self._counts[f"{store}/{place}"] = [found, erased]
        self._files.write(self._name, json.dumps(self._counts).encode())

    def close(self) -> None:
        """Forget it: the receipt has what it said."""
        self._files.remove(self._name)


def run(config_path: str, subject: str, *, dry_run: bool) -> int:
    """Erase a person; print what became of each place, and where the receipt is. Return the exit status.

    Raises:
        StartupError: nothing is configured, or the receipt could not be written: run it again.
    """
    return asyncio.run(_run(load(config_path), check_subject(subject), dry_run=dry_run))


def run_requests(config_path: str) -> int:
    """Erase everybody for whom there is a request: a file `requests/<any name>` with `{"subject": "..."}`.

    A request goes when its receipt is there and nothing failed; one that is held stays. Return the exit status: 3 when
    something failed, 1 when a request cannot be read.
    """
    config = load(config_path)
    files, worst = blobs(config.work), DONE
    for name in list(files.names(REQUESTS)):
        try:
            subject = check_subject(str(json.loads(files.read(name) or b"")["subject"]))
        except (ValueError, KeyError, TypeError, StartupError):
            print(f"{name}: is no request: it has no subject that could be one")  # noqa: T201 - the Job's log
            worst = max(worst, 1)
            continue
        try:
            status = asyncio.run(_run(config, subject, dry_run=False))
        except StartupError as error:
            print(f"{name}: {error}")  # noqa: T201 - the Job's log
            status = FAILED
        if status == DONE:
            files.remove(name)
        elif status == HELD:
            # It stays, and is done when the hold ends: nobody has to look at it before.
            print(f"{name}: waits for the end of a legal hold")  # noqa: T201 - the Job's log
        else:
            worst = max(worst, status)
    return worst


async def _run(config: GovernanceConfig, subject: str, *, dry_run: bool) -> int:
    if config.receipts is None:
        raise StartupError("the configuration has no receipts: an erasure that cannot be proven is not begun")
    # Before anything is deleted: who signs must be known.
    ledger = Ledger(config.receipts)
    started, who = _now(), fingerprint(config, subject)
    journal = Journal(blobs(config.work), who)
    async with opened(config) as stores:
        lines = [line async for line in _lines(config, stores, subject, journal, dry_run=dry_run)]
    for line in lines:
        if line.outcome != "absent":
            reason = f": {line.reason}" if line.reason else ""
            print(f"{line.store}/{line.place}: {line.outcome}, {line.erased} of {line.found}{reason}")  # noqa: T201 - the answer
    if dry_run:
        print("dry run: nothing was deleted")  # noqa: T201 - the answer
        return _status(lines)
    receipt = _receipt(config, lines, who=who, started=started, resumed=journal.resumed)
    written: Written = await asyncio.to_thread(ledger.append, receipt)
    if _status(lines) != FAILED:
        journal.close()
    print(f"receipt {written.number}: {written.place}")  # noqa: T201 - the answer
    return _status(lines)


def _receipt(config: GovernanceConfig, lines: list[Line], *, who: str, started: str, resumed: bool) -> dict[str, Any]:
    return {
        "version": "v1",
        "kind": "erasure",
        "environment": config.environment,
        "subject_sha256": who,
        "started": started,
        "finished": _now(),
        "resumed": resumed,
        "status": {DONE: "complete", FAILED: "partial", HELD: "held"}[_status(lines)],
        "places": [asdict(line) for line in lines],
    }


def _status(lines: Iterable[Line]) -> int:
    outcomes = {line.outcome for line in lines}
    if outcomes & {"failed", "incomplete"}:
        return FAILED
    return HELD if "held" in outcomes else DONE


async def _lines(
    config: GovernanceConfig, stores: list[SubjectStore | Closed], subject: str, journal: Journal, *, dry_run: bool
) -> Any:
    for store in stores:
        for place in store.places:
            if isinstance(store, Closed):
                found, erased = journal.counts(store.name, place.name)
                yield Line(store.name, place.name, place.data_class, "failed", found, erased, 0, store.reason)
            else:
                yield await _line(config, store, place, subject, journal, dry_run=dry_run)


async def _line(
    config: GovernanceConfig, store: SubjectStore, place: Place, subject: str, journal: Journal, *, dry_run: bool
) -> Line:
    found, erased = journal.counts(store.name, place.name)
    rules = config.rules(place.data_class) or ClassRules(name=place.data_class)

    def line(outcome: Outcome, left: int = 0, reason: str = "") -> Line:
        return Line(store.name, place.name, place.data_class, outcome, found, erased, left, reason)

    try:
        left = await store.count(place, subject)
        found = max(found, left)
        if left and (hold := held_by(config.holds, subject, place.data_class)):
            return line("held", left, f"legal hold {hold.name}")
        if left and rules.deletion == "keep":
            return line("kept", left, f"class {rules.name} is kept")
        if dry_run:
            return line("would_erase" if left else "absent", left)
        for _ in range(LOOKS):
            if not left:
                break
            journal.note(store.name, place.name, found, erased)
            erased += await (store.anonymize if rules.deletion == "anonymize" else store.erase)(place, subject)
            journal.note(store.name, place.name, found, erased)
            left = await store.count(place, subject)
    except StartupError as error:
        return line("failed", 0, str(error))
    if left:
        return line("incomplete", left, "new data of the person kept coming")
    if not found:
        return line("absent")
    return line("anonymized" if rules.deletion == "anonymize" else "erased")


def held_by(holds: Iterable[Hold], subject: str, data_class: str) -> Hold | None:
    """The legal hold that keeps a person's data of a class, if there is one."""
    return next((hold for hold in holds if hold.holds(subject, data_class)), None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
