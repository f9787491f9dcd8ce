"""Rows that break their table's contract: kept with the reasons and their original bytes, until they are replayed.

A batch is a file `quarantine/<table>/<digest>.jsonl`, one row a line. The digest is that of what came in: a batch that
comes twice is kept once.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.blobs import Blobs
from plinth_runtime.governance.config import Contract
from plinth_runtime.governance.contracts import Broken, Reason

FOLDER = "quarantine/"


@dataclass(frozen=True, slots=True)
class Held:
    """A batch in quarantine."""

    name: str
    """Name of its file."""
    table: str
    source: str
    """Where it came from."""
    rows: tuple[Broken, ...]


class Quarantine:
    """The rows that are held back."""

    def __init__(self, files: Blobs) -> None:
        self._files = files

    def hold(self, contract: Contract, source: str, rows: Sequence[Broken]) -> str:
        """Keep rows; give the name of their file.

        Raises:
            StartupError: they cannot be written; nothing of the batch must be acknowledged then.
        """
        content = hashlib.sha256(json.dumps([contract.name, source]).encode())
        for row in rows:
            content.update(b"%d:%d:" % (row.line, len(row.original)) + row.original)
        name = f"{FOLDER}{contract.name}/{content.hexdigest()[:32]}.jsonl"
        self._files.create(name, _encoded(contract.version, source, rows))
        return name

    def batches(self, table: str | None = None) -> Iterator[Held]:
        """What is held: of one table, or of all.

        Raises:
            StartupError: a file cannot be read.
        """
        for name in self._files.names(f"{FOLDER}{table}/" if table else FOLDER):
            if (data := self._files.read(name)) is not None:
                yield _decoded(name, data)

    def settle(self, held: Held, left: Sequence[Broken], contract_version: int) -> None:
        """Keep only the rows that are `left` of a batch; without any, its file goes."""
        if left:
            self._files.write(held.name, _encoded(contract_version, held.source, left))
        else:
            self._files.remove(held.name)


def _encoded(version: int, source: str, rows: Sequence[Broken]) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        {
            "source": source,
            "line": row.line,
            "at": at,
            "contract_version": version,
            "reasons": [{"column": reason.column, "rule": reason.rule} for reason in row.reasons],
            "original": base64.b64encode(row.original).decode(),
        }
        for row in rows
    ]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def _decoded(name: str, data: bytes) -> Held:
    try:
        entries: list[dict[str, Any]] = [json.loads(line) for line in data.splitlines()]
        rows = tuple(
            Broken(
                int(entry["line"]),
                base64.b64decode(entry["original"], validate=True),
                tuple(Reason(str(reason["column"]), str(reason["rule"])) for reason in entry["reasons"]),
            )
            for entry in entries
        )
        source = str(entries[0]["source"]) if entries else ""
    except (ValueError, KeyError, TypeError):
        raise StartupError(f"quarantined batch {name} is damaged: restore an earlier version of it") from None
    return Held(name, name.removeprefix(FOLDER).partition("/")[0], source, rows)
