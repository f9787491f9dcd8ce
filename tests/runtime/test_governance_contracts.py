"""Contracts of tables: what breaks them, where it goes, and that nothing is lost or doubled on the way."""

import asyncio
import base64
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.postgres import USER, postgres

from plinth_runtime.errors import StartupError
from plinth_runtime.governance import evolution
from plinth_runtime.governance.config import Contract, GovernanceConfig
from plinth_runtime.governance.contracts import Checker
from plinth_runtime.main import main

ORDERS: dict[str, Any] = {
    "name": "orders",
    "owner": "shop",
    "data_class": "content",
    "store": "embedded",
    "table": "orders",
    "key": ["id"],
    "subject": "person",
    "written": "at",
    "columns": [
        {"name": "id", "type": "integer", "minimum": 1},
        {"name": "person", "type": "text", "max_length": 40},
        {"name": "state", "type": "text", "values": ["open", "paid"]},
        {"name": "total", "type": "decimal", "minimum": 0},
        {"name": "at", "type": "timestamp"},
        {"name": "note", "type": "json", "required": False},
    ],
}
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, person text, state text, total numeric, at {time}, note {json})"


def row(number: int, **changes: Any) -> dict[str, Any]:
    made = {"id": number, "person": f"p{number}", "state": "open", "total": "10.10", "at": "2026-11-20T10:00:00+01:00"}
    return {name: value for name, value in {**made, **changes}.items() if value is not ...}


def encoded(*rows: Any) -> bytes:
    return b"".join((item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n" for item in rows)


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """A configuration over SQLite; gives its file."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute(TABLE.format(time="text", json="text"))
    return write_config(tmp_path, {"kind": "sqlite", "name": "embedded", "path": str(tmp_path / "shop.db")})


def write_config(folder: Path, store: dict[str, Any], **changes: Any) -> Path:
    config = {
        "environment": "test",
        "stores": [store],
        "tables": [ORDERS],
        "work": {"kind": "folder", "path": str(folder / "work")},
        **changes,
    }
    file = folder / "governance.json"
    file.write_text(json.dumps(config))
    return file


def stored(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "shop.db") as database:
        return database.execute("SELECT id, person, state, total, at, note FROM orders ORDER BY id").fetchall()


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("given_row", "column", "said"),
    [
        (row(1, id=0), "id", "greater than or equal to 1"),
        (row(1, id="1"), "id", "valid integer"),
        (row(1, id=2**63), "id", "less than"),
        (row(1, state="gone"), "state", "'open' or 'paid'"),
        (row(1, total=-0.01), "total", "greater than or equal to 0"),
        (row(1, total="NaN"), "total", "finite"),
        (row(1, at="2026-11-20T10:00:00"), "at", "timezone"),
        (row(1, at="yesterday"), "at", "datetime"),
        (row(1, person="x" * 41), "person", "at most 40 characters"),
        (row(1, person=...), "person", "required"),
        (row(1, person=None), "person", "valid string"),
        (row(1, extra=1), "extra", "not permitted"),
        (b'{"id": 1, "id": 2}', "id", "more than once"),
        (b"[1]", "", "object"),
        (b'{"id": 1', "", "invalid JSON"),
        (b"\xff\xfe", "", "invalid"),
        (b"[" * 100_000, "", "invalid JSON"),
    ],
)
def test_a_row_that_breaks_the_contract_says_where_and_why(given_row, column, said):
    checked = Checker(Contract(**ORDERS)).check([encoded(given_row)])
    assert checked.kept == ()
    (broken,) = checked.broken
    assert (broken.line, broken.original) == (1, encoded(given_row).rstrip(b"\n"))
    assert any(reason.column == column and said in reason.rule for reason in broken.reasons), broken.reasons


def test_reasons_do_not_repeat_what_may_be_personal():
    checked = Checker(Contract(**ORDERS)).check([encoded(row(1, state="secret-canary", total="secret-canary"))])
    assert "secret-canary" not in repr([broken.reasons for broken in checked.broken])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"name": "x", "type": "text", "pattern": "("}, "table orders"),
        ({"name": "x", "type": "text", "pattern": "(?=a)"}, "table orders"),
        ({"name": "x", "type": "text", "minimum": 1}, "minimum and maximum are for numbers"),
        ({"name": "x", "type": "integer", "values": ["1"]}, "for texts"),
    ],
)
def test_a_contract_that_cannot_be_checked_is_refused_before_any_row(column, said):
    with pytest.raises(StartupError, match=said):
        Checker(Contract(**{**ORDERS, "columns": [*ORDERS["columns"], column]}))


def test_rows_are_written_or_held_and_can_be_replayed(embedded, tmp_path, capsys):
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1), row(2, state="new"), b"not json", row(3, note={"a": [1]})))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    assert "2 rows written, 2 in quarantine" in capsys.readouterr().out
    assert [item[0] for item in stored(tmp_path)] == [1, 3]
    assert stored(tmp_path)[0][3:5] == (10.1, "2026-11-20T09:00:00+00:00")

    assert run("quarantine", "list", "--config", embedded) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["line"], item["reasons"][0]["column"]) for item in listed] == [(2, "state"), (3, "")]
    (file,) = (tmp_path / "work/quarantine/orders").iterdir()
    originals = [base64.b64decode(json.loads(line)["original"]) for line in file.read_text().splitlines()]
    assert originals == [encoded(row(2, state="new")).strip(), b"not json"]

    # The owner allows the new state: version 2 takes the row, and only what is broken for good stays.
    wider = json.loads(embedded.read_text())
    wider["tables"][0]["columns"][2]["values"] = ["open", "paid"]
    wider["tables"][0]["columns"][2].pop("values")
    wider["tables"][0]["version"] = 2
    embedded.write_text(json.dumps(wider))
    assert run("quarantine", "replay", "--config", embedded) == 1
    assert "may now be any text" in capsys.readouterr().err
    (tmp_path / "work/contracts/orders.json").unlink()
    assert run("quarantine", "replay", "--config", embedded) == 3
    assert "1 rows written, 1 still in quarantine" in capsys.readouterr().out
    assert [item[0] for item in stored(tmp_path)] == [1, 2, 3]
    assert run("quarantine", "replay", "--config", embedded) == 3
    assert [item[0] for item in stored(tmp_path)] == [1, 2, 3]


def test_a_batch_that_comes_twice_is_there_once(embedded, tmp_path):
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1), b"broken"))
    for _ in range(2):
        assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    assert len(stored(tmp_path)) == 1
    (file,) = (tmp_path / "work/quarantine/orders").iterdir()
    assert len(file.read_text().splitlines()) == 1


def test_a_replayed_row_does_not_overwrite_a_newer_one(embedded, tmp_path):
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    new.write_bytes(encoded(row(1, state="paid", at="2026-11-21T00:00:00Z")))
    old.write_bytes(encoded(row(1, state="open", at="2026-11-20T00:00:00Z")))
    for source in (new, old):
        assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    assert stored(tmp_path)[0][2] == "paid"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda store: store.update(path="/nowhere/shop.db"), "there is no database /nowhere/shop.db"),
        (lambda store: Path(store["path"]).write_bytes(b"not a database" * 100), "file is not a database"),
    ],
)
def test_a_store_that_cannot_be_used_is_a_message_not_a_traceback(embedded, tmp_path, capsys, change, said):
    config = json.loads(embedded.read_text())
    change(config["stores"][0])
    embedded.write_text(json.dumps(config))
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1)))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_full_disk_stops_the_batch_before_it_is_acknowledged(embedded, tmp_path, capsys):
    config = json.loads(embedded.read_text())
    config["work"]["path"] = "/dev/full/work"
    embedded.write_text(json.dumps(config))
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1), b"broken"))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 1
    assert "/dev/full/work" in capsys.readouterr().err
    assert stored(tmp_path) == []


def test_killed_at_any_point_and_run_again_nothing_is_lost_or_doubled(embedded, tmp_path):
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(*(row(number) if number % 7 else b"broken %d" % number for number in range(1, 5001))))
    command = [sys.executable, "-m", "plinth_runtime", "ingest", "--config", embedded, "--table", "orders"]
    chance = random.Random(5)
    for _ in range(8):
        process = subprocess.Popen([*command, "--from", source], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert subprocess.run([*command, "--from", source], check=False, timeout=120, capture_output=True).returncode == 0
    assert [item[0] for item in stored(tmp_path)] == [number for number in range(1, 5001) if number % 7]
    held = [
        base64.b64decode(json.loads(line)["original"])
        for file in (tmp_path / "work/quarantine/orders").glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert sorted(held) == sorted(b"broken %d" % number for number in range(1, 5001) if number % 7 == 0)


CHANGES = [
    ({}, []),
    ({"owner": "sales", "version": 2}, []),
    ({"owner": "sales"}, ["raise it"]),
    ({"key": ["id", "person"], "version": 2}, ["key was"]),
    ({"subject": None, "version": 2}, ["subject was person"]),
    ({"table": "orders_2", "version": 2}, ["table was orders"]),
]


@pytest.mark.parametrize(("changes", "said"), CHANGES)
def test_what_a_contract_may_become(changes, said):
    refused = evolution.refusals(Contract(**ORDERS), Contract(**{**ORDERS, **changes}))
    assert len(refused) == len(said)
    assert all(words in reason for words, reason in zip(said, refused, strict=True))


@pytest.mark.parametrize(
    ("index", "change", "said"),
    [
        (0, {"type": "decimal"}, None),
        (0, {"type": "text", "minimum": None}, "make a new column"),
        (0, {"minimum": 0}, "values beyond"),
        (0, {"minimum": 5}, None),
        (1, {"max_length": 41}, "longer than 40"),
        (1, {"max_length": 39}, None),
        (1, {"required": False}, "may now be missing"),
        (2, {"values": ["open", "paid", "gone"]}, "may now be gone"),
        (2, {"values": ["open"]}, None),
        (5, {"required": True}, "was optional and is required"),
        (5, None, "has gone"),
        (6, {"name": "more", "type": "text"}, "new and required"),
        (6, {"name": "more", "type": "text", "required": False}, None),
    ],
)
def test_what_a_column_may_become(index, change, said):
    columns = [dict(column) for column in ORDERS["columns"]]
    if change is None:
        del columns[index]
    elif index < len(columns):
        columns[index] |= change
    else:
        columns.append(change)
    new = Contract(**{**ORDERS, "columns": columns, "version": 2})
    refused = evolution.refusals(Contract(**ORDERS), new)
    assert (refused == []) if said is None else (len(refused) == 1 and said in refused[0])


@given(least=st.none() | st.integers(-5, 5), most=st.none() | st.integers(-5, 5), value=st.integers(-6, 6))
def test_whatever_a_compatible_contract_lets_through_the_old_one_did_too(least, most, value):
    def contract(least: float | None, most: float | None, version: int) -> Contract:
        columns = [{"name": "id", "type": "integer", "minimum": least, "maximum": most}]
        fields = {"name": "rows", "owner": "shop", "data_class": "content", "store": "embedded", "table": "t"}
        return Contract.model_validate({**fields, "version": version, "key": ["id"], "columns": columns})

    old, new = contract(-3, 3, 1), contract(least, most, 2)
    if not evolution.refusals(old, new) and Checker(new).check([b'{"id": %d}' % value]).kept:
        assert Checker(old).check([b'{"id": %d}' % value]).kept


class Catalog:
    """A catalog that speaks OpenLineage over HTTP."""

    def __init__(self, status: int = 201) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        catalog = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                catalog.keys.append(self.headers.get("Authorization"))
                catalog.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def catalog():
    made = Catalog()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_lineage_goes_to_the_catalog_that_was_named_and_nowhere_else(embedded, tmp_path, catalog, monkeypatch):
    other = Catalog()
    monkeypatch.setenv("OPENLINEAGE_URL", other.url)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", other.url)
    (tmp_path / "key").write_text("catalog-key\n")
    config = json.loads(embedded.read_text())
    config["lineage"] = {"kind": "http", "url": catalog.url, "key_file": str(tmp_path / "key")}
    embedded.write_text(json.dumps(config))
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1), row(2)))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    assert [event["eventType"] for event in catalog.events] == ["START", "COMPLETE"]
    assert set(catalog.keys) == {"Bearer catalog-key"}
    last = catalog.events[-1]
    assert (last["job"]["namespace"], last["job"]["name"]) == ("test", "ingest.orders")
    assert last["inputs"][0]["name"] == str(source)
    (output,) = last["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert [field["name"] for field in output["facets"]["schema"]["fields"]][:2] == ["id", "person"]
    assert other.events == []
    other.server.shutdown()
    other.server.server_close()


def test_lineage_that_cannot_be_sent_does_not_stop_the_work(embedded, tmp_path, capsys):
    config = json.loads(embedded.read_text())
    config["lineage"] = {"kind": "http", "url": "http://127.0.0.1:9", "timeout_seconds": 1}
    embedded.write_text(json.dumps(config))
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1)))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    assert "lineage could not be sent" in capsys.readouterr().err
    assert len(stored(tmp_path)) == 1


def test_lineage_in_a_file_has_a_line_for_each_event(embedded, tmp_path):
    config = json.loads(embedded.read_text())
    config["lineage"] = {"kind": "file", "path": str(tmp_path / "lineage/events.jsonl")}
    embedded.write_text(json.dumps(config))
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1)))
    assert run("ingest", "--config", embedded, "--table", "orders", "--from", source) == 0
    events = [json.loads(line) for line in (tmp_path / "lineage/events.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        yield running


async def _prepare(server: Any, statements: list[str], database: str = "shop") -> list[Any]:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user=USER, password=server.password, database=database, ssl="require"
    )
    try:
        return [await connection.fetch(statement) for statement in statements]
    finally:
        await connection.close()


def test_the_same_on_a_real_postgresql_with_freshness_and_volume(server, tmp_path, start, helpers):
    asyncio.run(_prepare(server, ["CREATE DATABASE shop"], "postgres"))
    asyncio.run(
        _prepare(
            server,
            ["CREATE SCHEMA shop", TABLE.format(time="timestamptz", json="jsonb").replace("orders", "shop.orders", 1)],
        )
    )
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text(server.password)
    place = {"kind": "postgres", "name": "embedded", "host": "127.0.0.1", "port": server.port, "database": "shop"}
    store = {**place, "credentials_dir": str(tmp_path), "ca_file": str(server.ca_file)}
    contract = {**ORDERS, "schema_name": "shop", "freshness_minutes": 60}
    port = helpers.free_port()
    file = write_config(tmp_path, store, tables=[contract], port=port, measure_seconds=0.3)
    now = datetime.now(UTC)
    old = (now - timedelta(days=2)).isoformat()
    source = tmp_path / "orders.jsonl"
    source.write_bytes(
        encoded(row(1, at=now.isoformat()), row(2, at=old, note={"a": 1}), b"broken", row(1, at=now.isoformat()))
    )
    for _ in range(2):
        assert run("ingest", "--config", file, "--table", "orders", "--from", source) == 0
    (found,) = asyncio.run(_prepare(server, ["SELECT id, total, note FROM shop.orders ORDER BY id"]))
    assert [(item["id"], str(item["total"]), item["note"]) for item in found] == [
        (1, "10.10", None),
        (2, "10.10", '{"a": 1}'),
    ]

    watch = start.run("watch-tables", "--config", str(file), port=port, ready="/metrics")
    # Quarantine is looked at last: when its rows show, everything else was measured.
    helpers.until(lambda: watch.metric("plinth_table_quarantined_rows", table="orders") == 1)
    assert watch.metric("plinth_table_measured_timestamp_seconds", table="orders") > 0
    assert watch.metric("plinth_table_rows_last_day", table="orders") == 1
    assert abs(watch.metric("plinth_table_newest_timestamp_seconds", table="orders") - now.timestamp()) < 1
    assert watch.stop() == 0


def test_a_wrong_password_is_told_within_the_deadline(server, tmp_path, capsys):
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text("wrong-canary")
    place = {"kind": "postgres", "name": "embedded", "host": "127.0.0.1", "port": server.port, "database": "postgres"}
    file = write_config(tmp_path, {**place, "credentials_dir": str(tmp_path)})
    source = tmp_path / "orders.jsonl"
    source.write_bytes(encoded(row(1)))
    assert run("ingest", "--config", file, "--table", "orders", "--from", source) == 1
    error = capsys.readouterr().err
    assert "cannot connect to PostgreSQL at 127.0.0.1" in error
    assert "wrong-canary" not in error


def test_the_configuration_is_light_enough_for_a_pulumi_program():
    heavy = "('asyncpg', 'boto3', 'openlineage', 'sqlite3')"
    code = f"import sys, plinth_runtime.governance.config; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_mistakes_in_references_are_found_at_start():
    with pytest.raises(ValueError, match="lives in store embedded, which is not one of"):
        GovernanceConfig.model_validate(
            {"environment": "test", "tables": [ORDERS], "work": {"kind": "folder", "path": "/tmp/x"}}
        )
