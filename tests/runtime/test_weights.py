"""Weights come from S3 whole, or not at all."""

import os
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from plinth_runtime import weights
from plinth_runtime.errors import StartupError
from plinth_runtime.main import main

BUCKET = "models"
FILES = {
    "config.json": b"{}",
    "empty.txt": b"",
    "1/model.plan": os.urandom(3 * 2**20 + 17),
}


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(weights, "PART_BYTES", 2**20)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, content in FILES.items():
        s3.put_object(Bucket=BUCKET, Key=f"acme/chat/{name}", Body=content)
    s3.put_object(Bucket=BUCKET, Key="acme/chat-2/config.json", Body=b"another model's")
    yield s3
    for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_is_what_the_bucket_has(bucket, tmp_path):
    assert main(["fetch-weights", "--from", "s3://models/acme/chat", "--to", str(tmp_path)]) == 0
    assert contents(tmp_path) == FILES


def test_after_a_restart_only_what_is_missing_is_fetched(bucket, tmp_path, capsys):
    weights.run("s3://models/acme/chat/", str(tmp_path))
    (tmp_path / "1/model.plan").unlink()
    (tmp_path / "1/model.plan.unfinished").write_bytes(b"half")
    weights.run("s3://models/acme/chat/", str(tmp_path))
    assert contents(tmp_path) == FILES
    assert "fetched 1 of 3 files" in capsys.readouterr().err


def test_a_file_that_changes_on_the_way_is_no_file(bucket, tmp_path, monkeypatch):
    listed = weights._list

    def then_changes(client, source):
        found = list(listed(client, source))
        bucket.put_object(Bucket=BUCKET, Key="acme/chat/config.json", Body=b"[]")
        return found

    monkeypatch.setattr(weights, "_list", then_changes)
    with pytest.raises(StartupError, match=r"PreconditionFailed|412"):
        weights.run("s3://models/acme/chat", str(tmp_path))
    assert not (tmp_path / "config.json").exists()


def test_a_path_without_files_says_so(bucket, tmp_path, capsys):
    assert main(["fetch-weights", "--from", "s3://models/acme/nothing", "--to", str(tmp_path)]) == 1
    assert "has the model been uploaded?" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["models/acme", "s3://models", "s3:///acme", "https://models/acme"])
def test_an_address_that_is_none(address):
    with pytest.raises(StartupError, match="s3://BUCKET/PATH"):
        weights.Source.parse(address)


def test_nothing_is_written_outside_of_the_folder(bucket, tmp_path):
    bucket.put_object(Bucket=BUCKET, Key="acme/chat/../../../etc/passwd", Body=b"x")
    with pytest.raises(StartupError, match="outside"):
        weights.run("s3://models/acme/chat", str(tmp_path))
