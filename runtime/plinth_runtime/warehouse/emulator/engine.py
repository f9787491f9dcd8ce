"""Sessions and statements of the emulator. `fakesnow`, a development package, translates and runs the SQL."""

import contextlib
import importlib
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plinth_runtime.errors import StartupError

UNSUPPORTED, CANCELED, LOCKED = 2, 604, 625
"""Snowflake's numbers for an unsupported feature, a statement that was cancelled, and one that met a lock."""

IDLE_TRANSACTION_SECONDS = 2.0
"""Time after which a transaction is rolled back whose client says nothing: it may have died."""

HISTORY = 10_000
"""Queries that are remembered."""


class RefusedError(Exception):
    """What the server answers instead of a result."""

    def __init__(self, code: int, message: str, sql_state: str = "42000") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.sql_state = sql_state


@dataclass(frozen=True, slots=True)
class Seen:
    """A query that arrived, as QUERY_HISTORY would show it."""

    sql: str
    tag: str | None
    warehouse: str | None
    role: str | None
    request_id: str
    parameters: dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """Rows of a statement."""

    table: Any
    rowtype: list[dict[str, Any]]
    type_id: int
    is_dml: bool
    query_id: str
    rows_affected: int


@dataclass(eq=False)
class EngineSession:
    """A signed-in connection."""

    connection: Any
    warehouse: str | None
    role: str | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    in_transaction: bool = False
    last_request: float = field(default_factory=time.monotonic)


class Engine:
    """One DuckDB for all sessions, in memory or in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self._instance = importlib.import_module("fakesnow.instance").FakeSnow(db_path=folder)
            self._rowtype = importlib.import_module("fakesnow.rowtype").describe_as_rowtype
            self._types = importlib.import_module("fakesnow.statement_type")
            self._parse = importlib.import_module("fakesnow.dialect").parse_one
        except ImportError as error:
            raise StartupError(
                f"the warehouse emulator needs the development package `fakesnow` ({error}): `make venv` "
                "installs it; a container has Snowflake instead"
            ) from None
        self._connecting = threading.Lock()
        self._sessions: dict[str, EngineSession] = {}
        self._running: dict[str, EngineSession] = {}
        self.history: deque[Seen] = deque(maxlen=HISTORY)
        self.aborted: deque[str] = deque(maxlen=HISTORY)

    def open(self, database: str | None, schema: str | None, warehouse: str | None, role: str | None) -> str:
        """Start a session; return its token."""
        token = secrets.token_urlsafe(32)
        with self._connecting:
            connection = self._instance.connect(database, schema)
        self._sessions[token] = EngineSession(connection, warehouse, role)
        return token

    def session(self, token: str) -> EngineSession:
        """Return a session.

        Raises:
            RefusedError: there is none.
        """
        if (found := self._sessions.get(token)) is None:
            raise RefusedError(390111, "Session no longer exists. New login required to access the service.", "08001")
        return found

    def close(self, token: str) -> None:
        """End a session; what it has not committed is gone."""
        if (session := self._sessions.pop(token, None)) is not None:
            with session.lock, contextlib.suppress(Exception):
                session.connection.close()

    @property
    def sessions(self) -> int:
        """Sessions that are open."""
        return len(self._sessions)

    @property
    def running(self) -> int:
        """Statements that are running."""
        return len(self._running)

    def abort(self, request_id: str) -> None:
        """Stop a statement that is running."""
        self.aborted.append(request_id)
        if (session := self._running.get(request_id)) is not None:
            session.connection._duck_conn.interrupt()

    def run(self, session: EngineSession, request_id: str, sql: str, rows: list[Any] | None) -> Outcome:
        """Run a statement, once for each row of an array binding, or once.

        Raises:
            RefusedError: it is wrong, cannot be run here, or was stopped.
        """
        import snowflake.connector.errors as theirs

        self._roll_back_abandoned(session)
        with session.lock:
            session.last_request = time.monotonic()
            self._running[request_id] = session
            try:
                return self._run(session, sql, rows)
            except theirs.Error as error:
                raise RefusedError(error.errno or UNSUPPORTED, str(error.raw_msg), error.sqlstate or "") from None
            except Exception as error:  # noqa: BLE001 - whatever DuckDB or the translation cannot do
                if type(error).__name__ == "InterruptException":
                    raise RefusedError(CANCELED, "SQL execution canceled", "57014") from None
                if type(error).__name__ == "TransactionException":
                    raise RefusedError(LOCKED, "Another transaction has changed the same rows", "57014") from None
                said = str(error).partition("\n")[0][:300]
                message = (
                    f"Unsupported feature: the emulator cannot run this statement ({type(error).__name__}: {said})"
                )
                raise RefusedError(UNSUPPORTED, message, "0A000") from None
            finally:
                self._running.pop(request_id, None)
                session.last_request = time.monotonic()

    def _roll_back_abandoned(self, caller: EngineSession) -> None:
        oldest = time.monotonic() - IDLE_TRANSACTION_SECONDS
        for session in list(self._sessions.values()):
            idle = session is not caller and session.last_request < oldest and session.in_transaction
            if idle and session.lock.acquire(blocking=False):
                try:
                    with contextlib.suppress(Exception):
                        session.connection._duck_conn.execute("ROLLBACK")
                        session.in_transaction = False
                finally:
                    session.lock.release()

    def _run(self, session: EngineSession, sql: str, rows: list[Any] | None) -> Outcome:
        cursor = session.connection.cursor()
        affected = 0
        for values in rows or [None]:
            cursor.execute(sql, binding_params=values, server=True)
            affected += cursor.rowcount or 0
        tree = self._parse(sql)
        type_id = self._types.statement_type_id(tree)
        if type_id == self._types.TCL:
            session.in_transaction = tree.key == "transaction"
        rowtype = self._rowtype(cursor._describe_last_sql())
        session.connection.results_cache.clear()
        is_dml = type_id in self._types.DML_TYPE_IDS
        return Outcome(cursor._arrow_table, rowtype, type_id, is_dml, cursor.sfqid, affected)
