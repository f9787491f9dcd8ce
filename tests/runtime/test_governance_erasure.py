"""Erasure, retention and receipts, on real stores: what is claimed happened, and what happened is claimed."""

import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from support.postgres import USER, postgres

from plinth_runtime.errors import StartupError
from plinth_runtime.governance import erase
from plinth_runtime.governance.config import Receipts
from plinth_runtime.governance.databases import Sqlite
from plinth_runtime.governance.receipts import Ledger, mistakes
from plinth_runtime.governance.signing import canonical
from plinth_runtime.governance.subjects import SUBJECT
from plinth_runtime.main import main

NOW = datetime.now(UTC)


def columns(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": "id", "type": "integer"},
        {"name": "person", "type": "text"},
        {"name": "at", "type": "timestamp"},
        *more,
    ]


def contract(name: str, data_class: str, **changes: Any) -> dict[str, Any]:
    fields = {"name": name, "owner": "shop", "data_class": data_class, "store": "shop", "table": name}
    return {**fields, "key": ["id"], "subject": "person", "written": "at", "columns": columns(), **changes}


TABLES = [
    contract("orders", "content"),
    contract(
        "visits", "figures", columns=columns({"name": "mail", "type": "text", "required": False, "personal": True})
    ),
    contract("access-log", "audit", table="access_log"),
]
CLASSES = [
    {"name": "content", "retention_days": 30},
    {"name": "figures", "deletion": "anonymize"},
    {"name": "audit", "deletion": "keep"},
]


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Path]:
    """Stores with the data of two persons; gives the file of a configuration over them."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        for table in ("orders", "visits", "access_log"):
            database.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, person text, at text, mail text)")
            for number in range(1, 5):
                person = "ann" if number % 2 else "bob"
                at = (NOW - timedelta(days=40 if number > 2 else 1)).isoformat()
                row = (number, person, at, f"{person}@example.com")
                database.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", row)
    for person in ("ann", "annette", "bob"):
        folder = tmp_path / "files/people" / person / "letters"
        folder.mkdir(parents=True)
        (folder / "1.txt").write_text(f"Dear {person}")

    def configure(**changes: Any) -> Path:
        files = {"kind": "folder", "path": str(tmp_path / "files")}
        config = {
            "environment": "test",
            "stores": [{"kind": "sqlite", "name": "shop", "path": str(tmp_path / "shop.db")}],
            "tables": TABLES,
            "objects": [
                {"name": "letters", "data_class": "content", "place": files, "subject_prefix": "people/{subject}/"}
            ],
            "classes": CLASSES,
            "work": {"kind": "folder", "path": str(tmp_path / "work")},
            "receipts": {
                "place": {"kind": "folder", "path": str(tmp_path / "ledger")},
                "signer": {"kind": "file", "path": str(tmp_path / "keys/signing.pem")},
            },
            **changes,
        }
        file = tmp_path / "governance.json"
        file.write_text(json.dumps(config))
        return file

    return configure


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def persons(folder: Path, table: str) -> list[str]:
    with sqlite3.connect(folder / "shop.db") as database:
        return [row[0] for row in database.execute(f"SELECT person FROM {table} ORDER BY id")]


def receipts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_bytes())["receipt"] for file in sorted((folder / "ledger/receipts").glob("*.json"))]


def outcomes(receipt: dict[str, Any]) -> dict[str, tuple[str, int, int, int]]:
    return {
        f"{line['store']}/{line['place']}": (line["outcome"], line["found"], line["erased"], line["left"])
        for line in receipt["places"]
    }


def test_a_person_goes_from_every_store_and_nobody_else_does(configured, tmp_path, capsys):
    config = configured()
    assert run("erase", "--subject", "ann", "--config", config) == 0
    assert persons(tmp_path, "orders") == ["bob", "bob"]
    assert persons(tmp_path, "access_log") == ["ann", "bob", "ann", "bob"]
    assert {path.name for path in (tmp_path / "files/people").iterdir() if any(path.rglob("*.txt"))} == {
        "annette",
        "bob",
    }
    with sqlite3.connect(tmp_path / "shop.db") as database:
        rows = database.execute("SELECT person, mail FROM visits ORDER BY id").fetchall()
    assert [mail for _, mail in rows] == [None, "bob@example.com", None, "bob@example.com"]
    assert rows[0][0] == rows[2][0] != "ann"
    assert rows[1][0] == "bob"

    (receipt,) = receipts(tmp_path)
    assert (receipt["status"], receipt["resumed"], receipt["number"]) == ("complete", False, 1)
    found = outcomes(receipt)
    assert found["shop/orders"] == ("erased", 2, 2, 0)
    assert found["shop/visits"] == ("anonymized", 2, 2, 0)
    assert found["shop/access-log"] == ("kept", 2, 0, 2)
    assert found["letters/people/{subject}/"] == ("erased", 1, 1, 0)
    assert found["quarantine/orders"] == ("absent", 0, 0, 0)
    assert "ann" not in (tmp_path / "ledger/receipts/00000001.json").read_text()
    assert run("verify-receipt", "--config", config) == 0
    assert "1 receipts" in capsys.readouterr().out

    # Again: nothing is there, and the receipt says so.
    assert run("erase", "--subject", "ann", "--config", config) == 0
    assert outcomes(receipts(tmp_path)[1])["shop/orders"] == ("absent", 0, 0, 0)
    assert not list((tmp_path / "work/erasures").iterdir())


def test_what_is_deleted_cannot_be_read_from_the_file(configured, tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("INSERT INTO orders VALUES (99, 'ann', '2026-01-01T00:00:00+00:00', 'canary-of-ann')")
    assert b"canary-of-ann" in b"".join(path.read_bytes() for path in tmp_path.glob("shop.db*"))
    assert run("erase", "--subject", "ann", "--config", configured()) == 0
    assert b"canary-of-ann" not in b"".join(path.read_bytes() for path in tmp_path.glob("shop.db*"))


def test_a_dry_run_deletes_and_writes_nothing(configured, tmp_path, capsys):
    assert run("erase", "--subject", "ann", "--dry-run", "--config", configured()) == 0
    said = capsys.readouterr().out
    assert "shop/orders: would_erase, 0 of 2" in said
    assert persons(tmp_path, "orders") == ["ann", "bob", "ann", "bob"]
    assert not (tmp_path / "ledger").exists()
    assert not (tmp_path / "work/erasures").exists()


@pytest.mark.parametrize(
    ("hold", "held"),
    [
        ({"name": "case-7", "subjects": ["ann"]}, True),
        ({"name": "case-7"}, True),
        ({"name": "case-7", "data_classes": ["content"]}, True),
        ({"name": "case-7", "subjects": ["bob"]}, False),
        ({"name": "case-7", "subjects": ["ann"], "data_classes": ["figures"]}, False),
    ],
)
def test_a_legal_hold_wins_over_deletion(configured, tmp_path, hold, held):
    config = configured(holds=[hold])
    status = run("erase", "--subject", "ann", "--config", config)
    orders = outcomes(receipts(tmp_path)[0])["shop/orders"]
    if held:
        assert status == 4
        assert orders == ("held", 2, 0, 2)
        assert persons(tmp_path, "orders") == ["ann", "bob", "ann", "bob"]
        assert receipts(tmp_path)[0]["status"] == "held"
        assert any("case-7" in line["reason"] for line in receipts(tmp_path)[0]["places"])
    else:
        assert orders == ("erased", 2, 2, 0)
        assert status == (4 if "ann" in hold["subjects"] else 0)


def test_one_store_that_fails_does_not_stop_the_others_and_nothing_is_claimed_of_it(configured, tmp_path, capsys):
    place = {"kind": "sqlite", "name": "broken", "path": str(tmp_path / "gone.db")}
    shop = {"kind": "sqlite", "name": "shop", "path": str(tmp_path / "shop.db")}
    tables = [contract("carts", "content", store="broken"), *TABLES]
    config = configured(stores=[place, shop], tables=tables)
    assert run("erase", "--subject", "ann", "--config", config) == 3
    found = outcomes(receipts(tmp_path)[0])
    assert found["broken/carts"] == ("failed", 0, 0, 0)
    assert found["shop/orders"] == ("erased", 2, 2, 0)
    assert receipts(tmp_path)[0]["status"] == "partial"
    assert "there is no database" in capsys.readouterr().out

    # The store is back: the next run does what was left, and says that it went on.
    with sqlite3.connect(tmp_path / "gone.db") as database:
        database.execute("CREATE TABLE carts (id integer PRIMARY KEY, person text, at text)")
        database.execute("INSERT INTO carts VALUES (1, 'ann', '2026-01-01T00:00:00+00:00')")
    assert run("erase", "--subject", "ann", "--config", config) == 0
    last = receipts(tmp_path)[1]
    assert (last["resumed"], last["status"]) == (True, "complete")
    assert outcomes(last)["broken/carts"] == ("erased", 1, 1, 0)


def test_a_locked_database_is_a_failure_within_the_deadline(configured, tmp_path, monkeypatch):
    monkeypatch.setattr("plinth_runtime.governance.databases.CONNECT_SECONDS", 0.2)
    blocker = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        assert run("erase", "--subject", "ann", "--config", configured()) == 3
    finally:
        blocker.close()
    assert outcomes(receipts(tmp_path)[0])["shop/orders"][0] == "failed"
    assert persons(tmp_path, "orders") == ["ann", "bob", "ann", "bob"]


def test_rows_that_keep_coming_are_not_claimed_to_be_gone(configured, tmp_path, monkeypatch):
    config = configured()
    execute = Sqlite.execute

    async def and_one_more(self: Any, sql: str, values: Any = ()) -> int:
        done = await execute(self, sql, values)
        if sql.startswith("DELETE") and not done:
            insert = "INSERT INTO orders (person, at) VALUES ('ann', '2026-01-01T00:00:00+00:00')"
            await execute(self, insert)
        return done

    monkeypatch.setattr(Sqlite, "execute", and_one_more)
    assert run("erase", "--subject", "ann", "--config", config) == 3
    outcome, _, _, left = outcomes(receipts(tmp_path)[0])["shop/orders"]
    assert (outcome, left) == ("incomplete", 1)


def test_killed_at_any_point_and_run_again_everything_is_gone_and_no_count_is_made_up(configured, tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as database:
        rows = [(number, "ann", NOW.isoformat()) for number in range(10, 30_000)]
        database.executemany("INSERT INTO orders (id, person, at) VALUES (?, ?, ?)", rows)
    config = configured()
    command = [sys.executable, "-m", "plinth_runtime", "erase", "--subject", "ann", "--config", config]
    chance = random.Random(11)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert run("erase", "--subject", "ann", "--config", config) == 0
    assert persons(tmp_path, "orders") == ["bob", "bob"]
    claimed = [outcomes(receipt)["shop/orders"] for receipt in receipts(tmp_path)]
    assert max(found for _, found, _, _ in claimed) == 29_992
    assert sum(erased for _, _, erased, _ in claimed) <= 29_992
    assert claimed[-1][3] == 0
    assert run("verify-receipt", "--config", config) == 0


def test_requests_go_when_they_are_done_and_stay_when_they_are_not(configured, tmp_path, capsys):
    folder = tmp_path / "work/requests"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text('{"subject": "ann"}')
    (folder / "2.json").write_text('{"subject": "bob"}')
    (folder / "3.json").write_text('{"subject": "../bob"}')
    config = configured(holds=[{"name": "case-7", "subjects": ["bob"]}])
    assert run("erase", "--requests", "--config", config) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["2.json", "3.json"]
    said = capsys.readouterr().out
    assert "3.json: is no request" in said
    assert "2.json: waits for the end of a legal hold" in said
    assert persons(tmp_path, "orders") == ["bob", "bob"]


def test_quarantined_rows_of_a_person_go_too(configured, tmp_path):
    config = configured()
    source = tmp_path / "orders.jsonl"
    source.write_text(
        '{"id": "x", "person": "ann"}\n{"id": "x", "person": "annette"}\n{"person": "ann\n{"person": "bob"}\n'
    )
    assert run("ingest", "--config", config, "--table", "orders", "--from", source) == 0
    assert run("erase", "--subject", "ann", "--config", config) == 0
    assert outcomes(receipts(tmp_path)[0])["quarantine/orders"] == ("erased", 2, 2, 0)
    (file,) = (tmp_path / "work/quarantine/orders").iterdir()
    assert len(file.read_text().splitlines()) == 2


def test_old_data_goes_and_held_data_stays(configured, tmp_path, capsys):
    letter = tmp_path / "files/people/ann/letters/1.txt"
    old = (NOW - timedelta(days=31)).timestamp()
    for path in (letter, tmp_path / "files/people/bob/letters/1.txt"):
        os.utime(path, (old, old))
    config = configured(holds=[{"name": "case-7", "subjects": ["bob"]}])
    assert run("retain", "--config", config) == 0
    assert persons(tmp_path, "orders") == ["ann", "bob", "bob"]
    assert len(persons(tmp_path, "visits")) == len(persons(tmp_path, "access_log")) == 4
    assert not letter.exists()
    assert (tmp_path / "files/people/bob/letters/1.txt").exists()
    (receipt,) = receipts(tmp_path)
    assert receipt["kind"] == "retention"
    assert {f"{line['store']}/{line['place']}": line["deleted"] for line in receipt["places"]}["shop/orders"] == 1

    held = configured(holds=[{"name": "case-8", "data_classes": ["content"]}])
    assert run("retain", "--config", held) == 0
    assert "kept by legal hold case-8" in capsys.readouterr().out
    assert len(receipts(tmp_path)) == 1


@pytest.mark.parametrize("subject", ["", "a/b", "..", ".", "a\nb", "x" * 201])
def test_an_id_that_could_leave_its_place_is_refused(configured, tmp_path, capsys, subject):
    assert run("erase", "--subject", subject, "--config", configured()) == 1
    assert "without slashes" in capsys.readouterr().err
    assert not (tmp_path / "ledger").exists()


@given(st.text())
def test_no_id_that_is_accepted_changes_what_a_prefix_is(text):
    if SUBJECT.match(text):
        assert "/" not in text
        assert text not in ("", ".", "..")
        assert "\x00" not in text


def test_without_a_place_for_receipts_nothing_is_begun(configured, tmp_path, capsys):
    assert run("erase", "--subject", "ann", "--config", configured(receipts=None)) == 1
    assert "cannot be proven" in capsys.readouterr().err
    assert persons(tmp_path, "orders") == ["ann", "bob", "ann", "bob"]


def _tampered(change: Callable[[list[Path]], None], folder: Path) -> None:
    change(sorted((folder / "ledger/receipts").glob("*.json")))


def _edit(file: Path) -> None:
    document = json.loads(file.read_bytes())
    document["receipt"]["places"][0]["erased"] = 7
    file.write_bytes(canonical(document))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: _edit(files[1]), "the receipt was changed"),
        (lambda files: files[1].unlink(), "one is missing or moved"),
        (lambda files: files[0].write_bytes(files[1].read_bytes()), "number 1 comes here"),
        (lambda files: files[1].write_bytes(files[1].read_bytes() + b" "), "not written canonically"),
        (lambda files: files[1].write_bytes(b"{}"), "is no receipt"),
    ],
)
def test_what_is_done_to_receipts_shows(configured, tmp_path, capsys, change, said):
    config = configured()
    for _ in range(3):
        assert run("erase", "--subject", "ann", "--config", config) == 0
    _tampered(change, tmp_path)
    assert run("verify-receipt", "--config", config) == 1
    assert said in capsys.readouterr().out


def test_a_key_that_was_exchanged_shows_against_the_published_one(configured, tmp_path, capsys):
    config = configured()
    assert run("erase", "--subject", "ann", "--config", config) == 0
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "published.pem").write_bytes(other.public_bytes(encoding, shape))
    assert run("verify-receipt", "--config", config, "--public-key", tmp_path / "published.pem") == 1
    assert "the signature is not of this key" in capsys.readouterr().out
    assert (tmp_path / "keys/signing.pem").stat().st_mode & 0o077 == 0


def test_writers_at_the_same_time_make_one_chain(tmp_path):
    config = Receipts.model_validate(
        {
            "place": {"kind": "folder", "path": str(tmp_path / "ledger")},
            "signer": {"kind": "file", "path": str(tmp_path / "key.pem")},
        }
    )
    code = (
        "import sys; from plinth_runtime.governance.config import Receipts\n"
        "from plinth_runtime.governance.receipts import Ledger\n"
        "ledger = Ledger(Receipts.model_validate_json(sys.argv[1]))\n"
        "for number in range(8): ledger.append({'writer': sys.argv[2], 'n': number})\n"
    )
    ledger = Ledger(config)
    arguments = [sys.executable, "-c", code, config.model_dump_json()]
    writers = [subprocess.Popen([*arguments, str(number)]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    entries = list(ledger.entries())
    assert len(entries) == 24
    assert list(mistakes(iter(entries), ledger.signer.public_key())) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda it: st.lists(it) | st.dictionaries(st.text(), it)
    )
)
def test_canonical_json_is_json_and_does_not_depend_on_order(value):
    data = canonical({"a": value, "b": 1})
    assert canonical({"b": 1, "a": value}) == data
    assert json.loads(data) == {"a": value, "b": 1}
    with pytest.raises(ValueError, match="whole numbers"):
        canonical({"a": [1.5]})


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(endpoint, monkeypatch):
    """A configuration's places in S3, signed by KMS."""
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(key, value)
    s3, kms = boto3.client("s3"), boto3.client("kms")
    s3.create_bucket(Bucket="people", ObjectLockEnabledForBucket=False)
    s3.create_bucket(Bucket="work")
    s3.create_bucket(Bucket="receipts", ObjectLockEnabledForBucket=True)
    for bucket in ("people", "work"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return {
        "objects": [{"name": "letters", "data_class": "content", "place": {"kind": "s3", "bucket": "people"}}],
        "work": {"kind": "s3", "bucket": "work", "prefix": "governance/"},
        "receipts": {
            "place": {"kind": "s3", "bucket": "receipts", "lock_days": 30},
            "signer": {"kind": "kms", "key_id": key},
        },
    }


def test_in_the_cloud_every_version_goes_and_the_receipt_is_signed_by_kms_and_locked(
    configured, cloud, tmp_path, capsys
):
    s3 = boto3.client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket="people", Key="ann/letter.txt", Body=body)
    s3.put_object(Bucket="people", Key="ann/gone.txt", Body=b"x")
    s3.delete_object(Bucket="people", Key="ann/gone.txt")
    s3.put_object(Bucket="people", Key="annette/letter.txt", Body=b"x")
    s3.put_object(Bucket="work", Key="governance/requests/1.json", Body=b'{"subject": "ann"}')
    config = configured(**cloud)
    assert run("erase", "--requests", "--config", config) == 0, capsys.readouterr()
    left = s3.list_object_versions(Bucket="people")
    assert [found["Key"] for found in left["Versions"]] == ["annette/letter.txt"]
    assert "DeleteMarkers" not in left
    assert "Versions" not in s3.list_object_versions(Bucket="work", Prefix="governance/requests/")
    assert "Versions" not in s3.list_object_versions(Bucket="work", Prefix="governance/erasures/")
    receipt = s3.get_object(Bucket="receipts", Key="receipts/00000001.json")
    assert receipt["ObjectLockMode"] == "COMPLIANCE"
    document = json.loads(receipt["Body"].read())
    assert document["signature"]["algorithm"] == "ecdsa-p256-sha256"
    assert outcomes(document["receipt"])["letters/{subject}/"] == ("erased", 4, 4, 0)
    assert persons(tmp_path, "orders") == ["bob", "bob"]
    assert run("verify-receipt", "--config", config) == 0


def test_a_bucket_that_is_gone_and_a_key_that_is_unknown_are_messages(configured, cloud, tmp_path, capsys):
    gone = {**cloud["objects"][0], "place": {"kind": "s3", "bucket": "never-made"}}
    assert run("erase", "--subject", "ann", "--config", configured(**{**cloud, "objects": [gone]})) == 3
    assert "S3 refused list_object_versions" in capsys.readouterr().out
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    receipts_config = {**cloud["receipts"], "signer": {"kind": "kms", "key_id": key}}
    config = configured(**{**cloud, "receipts": receipts_config})
    assert run("erase", "--subject", "bob", "--config", config) == 1
    assert "cannot be used" in capsys.readouterr().err
    # The deletion is not forgotten: with the key back, the receipt has its counts.
    assert run("erase", "--subject", "bob", "--config", configured(**cloud)) == 0
    names = [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket="receipts")["Contents"]]
    body = boto3.client("s3").get_object(Bucket="receipts", Key=names[-1])["Body"].read()
    last = json.loads(body)["receipt"]
    assert last["resumed"] is True
    assert outcomes(last)["shop/orders"] == ("erased", 2, 2, 0)


def test_statuses_are_distinct():
    assert len({erase.DONE, 1, 2, erase.FAILED, erase.HELD}) == 5
    with pytest.raises(StartupError):
        erase.check_subject("a/b")


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        yield running


async def _execute(server: Any, database: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user=USER, password=server.password, database=database, ssl="require"
    )
    try:
        return [await connection.fetch(statement) for statement in statements]
    finally:
        await connection.close()


def test_rows_and_vectors_go_from_a_real_postgresql(server, configured, tmp_path):
    asyncio.run(_execute(server, "postgres", "CREATE DATABASE assistant"))
    asyncio.run(
        _execute(
            server,
            "assistant",
            "CREATE SCHEMA app",
            "CREATE TABLE app.orders (id bigint PRIMARY KEY, person bigint, at timestamptz)",
            "INSERT INTO app.orders SELECT n, n % 3, now() - n * interval '1 hour' FROM generate_series(1, 12000) n",
            "CREATE TABLE documents (tenant text, id text, content text, metadata jsonb, embedding vector(3), "
            "updated_at timestamptz DEFAULT now(), PRIMARY KEY (tenant, id))",
            "INSERT INTO documents SELECT 't' || n % 2, n::text, 'text', "
            "jsonb_build_object('customer', (n % 3)::text), '[1,2,3]' FROM generate_series(1, 300) n",
        )
    )
    (tmp_path / "username").write_text(USER)
    (tmp_path / "password").write_text(server.password)
    place = {"kind": "postgres", "name": "shop", "host": "127.0.0.1", "port": server.port, "database": "assistant"}
    integers = [
        {"name": "id", "type": "integer"},
        {"name": "person", "type": "integer"},
        {"name": "at", "type": "timestamp"},
    ]
    vectors = {"name": "vectors", "data_class": "content", "store": "shop", "table": "documents"}
    config = configured(
        stores=[{**place, "credentials_dir": str(tmp_path), "ca_file": str(server.ca_file)}],
        tables=[contract("orders", "content", schema_name="app", columns=integers)],
        collections=[{**vectors, "subject_field": "customer"}],
        objects=[],
    )
    assert run("erase", "--subject", "nobody", "--config", config) == 0
    assert run("erase", "--subject", "1", "--config", config) == 0
    found = outcomes(receipts(tmp_path)[1])
    assert found["shop/orders"] == ("erased", 4000, 4000, 0)
    assert found["shop-vectors/vectors"] == ("erased", 100, 100, 0)
    left = "SELECT count(*) AS all, count(*) FILTER (WHERE {} = {}) AS hers FROM {}"
    (orders,), (documents,) = asyncio.run(
        _execute(
            server,
            "assistant",
            left.format("person", "1", "app.orders"),
            left.format("metadata ->> 'customer'", "'1'", "documents"),
        )
    )
    assert (orders["all"], orders["hers"], documents["all"], documents["hers"]) == (8000, 0, 200, 0)

    # 720 hours are 30 days: what is older goes, but for the person in the hold.
    held = json.loads(config.read_text()) | {"holds": [{"name": "case-7", "subjects": ["2"]}]}
    config.write_text(json.dumps(held))
    assert run("retain", "--config", config) == 0
    (rows,) = asyncio.run(
        _execute(server, "assistant", "SELECT person, count(*) FROM app.orders GROUP BY 1 ORDER BY 1")
    )
    (nobody, kept), (held_person, held_rows) = (tuple(row) for row in rows)
    assert (nobody, held_person, held_rows) == (0, 2, 4000)
    assert kept in (239, 240)  # row 720 is 30 days old to the second


def test_a_server_that_accepts_and_never_answers_is_a_failure_within_the_deadline(configured, tmp_path, monkeypatch):
    monkeypatch.setattr("plinth_runtime.governance.databases.CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "username").write_text("plinth")
        (tmp_path / "password").write_text("password-canary")
        place = {"kind": "postgres", "name": "shop", "host": "127.0.0.1", "port": silent.getsockname()[1]}
        store = {**place, "database": "assistant", "credentials_dir": str(tmp_path)}
        config = configured(stores=[store])
        began = time.monotonic()
        assert run("erase", "--subject", "ann", "--config", config) == 3
        assert time.monotonic() - began < 20
    assert outcomes(receipts(tmp_path)[0])["letters/people/{subject}/"] == ("erased", 1, 1, 0)
    assert "password-canary" not in (tmp_path / "ledger/receipts/00000001.json").read_text()
