"""A bounded share of `python -m benchmarks.vectors_kill`: writers and servers are killed."""

import sqlite3

import pytest
from support.postgres import postgres
from support.vector_engines import pgvector_endpoint
from support.vector_kill import kill_backends, rounds


@pytest.mark.parametrize("kind", ["sqlite", "numpy"])
def test_a_killed_writer_of_files_loses_nothing(tmp_path, kind):
    found = rounds({"kind": kind, "path": str(tmp_path)}, kills=8)
    assert found.kills == 8
    assert found.acknowledged >= 8 * 20
    (file,) = tmp_path.glob("*.sqlite")
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("INSERT INTO words_1 (words_1, rank) VALUES ('integrity-check', 1)")


def test_files_are_synchronized_before_a_write_is_acknowledged(tmp_path):
    from plinth_runtime.vectors.embedded.file import TenantFile

    file = TenantFile(tmp_path / "a.sqlite", wait_seconds=1, extensions=False)
    with file.using() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    file.close()


def test_a_killed_writer_to_postgresql_loses_nothing(tmp_path):
    with postgres() as server:
        found = rounds(pgvector_endpoint(server, tmp_path), kills=4)
        assert found.acknowledged >= 4 * 20


def test_a_killed_postgresql_loses_nothing(tmp_path):
    with postgres() as server:
        endpoint = pgvector_endpoint(server, tmp_path)
        found = rounds(endpoint, kills=3, kill_server=lambda: kill_backends(endpoint))
        assert found.acknowledged >= 3 * 20
