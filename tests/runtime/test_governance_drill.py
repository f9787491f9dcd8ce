"""Backups of the embedded stores, and drills that would notice a bad one."""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plinth_runtime.main import main


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (id integer PRIMARY KEY, note text)")
        database.executemany("INSERT INTO orders (note) VALUES (?)", [(f"note {number}",) for number in range(500)])
    (tmp_path / "files/ann").mkdir(parents=True)
    (tmp_path / "files/ann/letter.txt").write_text("Dear Ann")
    config = {
        "environment": "test",
        "stores": [{"kind": "sqlite", "name": "shop", "path": str(tmp_path / "shop.db")}],
        "objects": [
            {"name": "letters", "data_class": "content", "place": {"kind": "folder", "path": str(tmp_path / "files")}}
        ],
        "classes": [{"name": "content"}],
        "work": {"kind": "folder", "path": str(tmp_path / "work")},
    }
    file = tmp_path / "governance.json"
    file.write_text(json.dumps(config))
    return file


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def drill(config: Path, *more: object) -> int:
    folder = config.parent
    return run("drill", "--config", config, "--from", folder / "backups", "--report", folder / "report.json", *more)


def report(config: Path) -> dict[str, Any]:
    return json.loads((config.parent / "report.json").read_text())


def the_set(config: Path) -> Path:
    return max((config.parent / "backups").iterdir())


def test_a_backup_comes_back_as_it_was_and_the_drill_says_what_a_loss_would_cost(configured):
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    assert drill(configured) == 0
    found = report(configured)
    assert found["rows"] == {"shop": {"orders": 500}}
    assert found["files"] == {"letters": 1}
    assert found["troubles"] == []
    assert 0 <= found["backup_age_seconds"] < 60
    assert 0 < found["restore_seconds"] < 60


def test_a_backup_is_consistent_while_others_write(configured):
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(configured.parent / "shop.db", timeout=30, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            while not stop.is_set():
                # Two rows at a time: a copy that is not consistent would have an odd number.
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO orders (note) VALUES ('one')")
                database.execute("INSERT INTO orders (note) VALUES ('two')")
                database.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    finally:
        stop.set()
        writer.join(30)
    assert drill(configured) == 0
    assert report(configured)["rows"]["shop"]["orders"] % 2 == 0


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda made: _flip(made / "shop.db"), "store shop: the backup is not what was saved"),
        (lambda made: (made / "shop.db").unlink(), "store shop: cannot be restored: No such file"),
        (lambda made: _flip(made / "folders/letters/ann/letter.txt"), "file ann/letter.txt: the backup is not what"),
        (lambda made: (made / "folders/letters/ann/letter.txt").unlink(), "file ann/letter.txt: cannot be restored"),
    ],
)
def test_a_backup_that_is_damaged_is_found_before_it_is_needed(configured, capsys, harm, said):
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    harm(the_set(configured))
    assert drill(configured) == 3
    assert said in capsys.readouterr().err
    assert any(said in trouble for trouble in report(configured)["troubles"])


def test_a_store_that_came_after_the_backup_is_missed(configured, capsys):
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    config = json.loads(configured.read_text())
    with sqlite3.connect(configured.parent / "new.db") as database:
        database.execute("CREATE TABLE t (id integer)")
    config["stores"].append({"kind": "sqlite", "name": "new", "path": str(configured.parent / "new.db")})
    configured.write_text(json.dumps(config))
    assert drill(configured) == 3
    assert "store new is not in the backup" in capsys.readouterr().err


def test_objectives_that_are_missed_are_told(configured, capsys):
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    manifest = the_set(configured) / "manifest.json"
    made = json.loads(manifest.read_text())
    made["taken"] = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    manifest.write_text(json.dumps(made))
    assert drill(configured, "--rpo-minutes", 120, "--rto-minutes", 0.000001) == 3
    said = capsys.readouterr().err
    assert "the newest backup is 180.0 minutes old, and 120 may be lost" in said
    assert "restoring took" in said


def test_a_set_that_was_interrupted_does_not_count(configured, capsys):
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    whole = the_set(configured)
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 0
    (the_set(configured) / "manifest.json").unlink()
    assert drill(configured) == 0
    assert report(configured)["backup"] == whole.name
    (whole / "manifest.json").unlink()
    assert drill(configured) == 1
    assert "there is no backup below" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["/dev/full/backups", "/proc/backups"])
def test_a_place_that_cannot_be_written_is_a_message(configured, capsys, target):
    assert run("backup", "--config", configured, "--to", target) == 1
    assert "cannot back up to" in capsys.readouterr().err


def test_a_database_that_is_damaged_is_not_backed_up_as_if_it_were_not(configured, capsys):
    (configured.parent / "shop.db").write_bytes(b"no database" * 1000)
    assert run("backup", "--config", configured, "--to", configured.parent / "backups") == 1
    assert "store shop" in capsys.readouterr().err
    assert not any((made / "manifest.json").exists() for made in (configured.parent / "backups").iterdir())
