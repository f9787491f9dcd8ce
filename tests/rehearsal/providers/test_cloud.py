"""The cloud of a rehearsal: real boto3 against it, and everything still there after a kill -9."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import given, settings
from hypothesis import strategies as st

from plinth_cli.errors import PlinthError
from plinth_cli.rehearsal.children import Child
from plinth_cli.rehearsal.journal import Journal

CANARY = "canary-5b1d0c77"
KEY = "correct horse"


class Cloud:
    """A cloud process that can be killed and started again on the same journal."""

    def __init__(self, folder: Path, key: str = KEY) -> None:
        self.journal = folder / "journal"
        self.child = Child(
            "plinth_cli.rehearsal.cloud",
            ["--journal", str(self.journal)],
            log=folder / "cloud.log",
            environ={"PLINTH_JOURNAL_KEY": key},
        )
        self.url = f"http://127.0.0.1:{self.child.ready['port']}"

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def kill(self):
        os.kill(self.child.pid, signal.SIGKILL)
        self.child.stop()


def everything(cloud):
    """What a client can see of the state; equal before and after a restart."""
    s3, kms = cloud.client("s3"), cloud.client("kms")
    secrets, sqs, iam = cloud.client("secretsmanager"), cloud.client("sqs"), cloud.client("iam")
    return {
        "objects": {
            (bucket["Name"], item["Key"]): s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
            for bucket in s3.list_buckets()["Buckets"]
            for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
        },
        "versions": [v["VersionId"] for v in s3.list_object_versions(Bucket="acme-data").get("Versions", [])],
        "keys": [key["KeyArn"] for key in kms.list_keys()["Keys"]],
        "secrets": {
            secret["ARN"]: (found["VersionId"], found["SecretString"])
            for secret in secrets.list_secrets()["SecretList"]
            for found in [secrets.get_secret_value(SecretId=secret["ARN"])]
        },
        "queues": [url.rpartition("/")[2] for url in sqs.list_queues().get("QueueUrls", [])],
        "roles": {role["Arn"]: role["RoleId"] for role in iam.list_roles()["Roles"]},
    }


def fill(cloud):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="acme-data", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket="acme-data", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", bytes(range(256)) * 40, CANARY.encode()):
        s3.put_object(Bucket="acme-data", Key="folder/ä b+c", Body=body, Metadata={"under_score": "kept"})
    upload = s3.create_multipart_upload(Bucket="acme-data", Key="large")["UploadId"]
    part = s3.upload_part(Bucket="acme-data", Key="large", UploadId=upload, PartNumber=1, Body=b"x" * 1000)
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(Bucket="acme-data", Key="large", UploadId=upload, MultipartUpload={"Parts": parts})
    cloud.client("secretsmanager").create_secret(Name="plinth/key", SecretString=CANARY)
    cloud.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument='{"Statement": []}')
    queue = cloud.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    for body in ("first", "second"):
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    return cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]


def test_everything_is_there_after_kill_9_and_a_torn_record(tmp_path):
    cloud = Cloud(tmp_path)
    key = fill(cloud)
    sealed = cloud.client("kms").encrypt(KeyId=key, Plaintext=b"message")["CiphertextBlob"]
    sqs = cloud.client("sqs")
    queue = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    before = everything(cloud)
    cloud.kill()
    assert CANARY.encode() not in cloud.journal.read_bytes()
    assert cloud.journal.stat().st_mode & 0o777 == 0o600
    with cloud.journal.open("ab") as journal:
        journal.write(b"gAAAAABtorn-in-mid-write")

    for _ in range(2):
        cloud = Cloud(tmp_path)
        assert everything(cloud) == before
        assert cloud.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"message"
        assert cloud.client("s3").head_object(Bucket="acme-data", Key="folder/ä b+c")["Metadata"] == {
            "under_score": "kept"
        }
        cloud.kill()
    cloud = Cloud(tmp_path)
    left = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    assert [item["Body"] for item in left] == ["second"]
    cloud.child.stop()


def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path):
    cloud = Cloud(tmp_path)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="acme-data", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    acknowledged = []

    def write():
        for number in range(10_000):
            try:
                s3.put_object(Bucket="acme-data", Key=f"{number:05}", Body=b"x" * (number % 3 * 10_000))
            except BotoCoreError:
                return
            acknowledged.append(f"{number:05}")

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 15:
        time.sleep(0.005)
    cloud.kill()
    writer.join()
    again = Cloud(tmp_path)
    found = [item["Key"] for item in again.client("s3").list_objects_v2(Bucket="acme-data")["Contents"]]
    again.child.stop()
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) - len(acknowledged) in (0, 1), "at most the one that was under way"


def test_a_waiting_consumer_stops_nobody_else(tmp_path):
    cloud = Cloud(tmp_path)
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    got = []
    consumer = threading.Thread(
        target=lambda: got.extend(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", []))
    )
    started = time.monotonic()
    consumer.start()
    time.sleep(0.3)
    cloud.client("s3").list_buckets()
    sqs.send_message(QueueUrl=queue, MessageBody="work")
    consumer.join()
    assert [message["Body"] for message in got] == ["work"]
    assert time.monotonic() - started < 10
    cloud.child.stop()


def test_a_wrong_passphrase_is_a_clear_error(tmp_path):
    cloud = Cloud(tmp_path)
    cloud.client("sqs").create_queue(QueueName="jobs")
    cloud.child.stop()
    with pytest.raises(PlinthError, match="another passphrase"):
        Cloud(tmp_path, key="wrong")
    again = Cloud(tmp_path)
    assert len(again.client("sqs").list_queues()["QueueUrls"]) == 1
    again.child.stop()


def records(path):
    journal = Journal(path, KEY)
    found = list(journal.replay())
    journal.close()
    return found


def test_a_journal_has_one_writer(tmp_path, monkeypatch):
    monkeypatch.setattr("plinth_cli.rehearsal.journal._PATIENCE_SECONDS", 0.1)
    journal = Journal(tmp_path / "journal", KEY)
    with pytest.raises(PlinthError, match="already running"):
        Journal(tmp_path / "journal", KEY)
    journal.close()
    Journal(tmp_path / "journal", KEY).close()


def test_damage_in_the_middle_is_an_error_and_not_a_loss(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path, KEY)
    for record in (b"one", b"two", b"three"):
        journal.append(record)
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + b"garbage\n" + lines[3])
    with pytest.raises(PlinthError, match="damaged"):
        records(path)
    assert path.read_bytes().endswith(lines[3])


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.data())
@settings(max_examples=25, deadline=None)
def test_a_journal_cut_anywhere_holds_every_record_before_the_cut(tmp_path_factory, written, data):
    path = tmp_path_factory.mktemp("cut") / "journal"
    journal = Journal(path, KEY)
    header = path.stat().st_size
    ends = []
    for record in written:
        journal.append(record)
        ends.append(path.stat().st_size)
    journal.close()
    cut = data.draw(st.integers(header, ends[-1]))
    os.truncate(path, cut)
    whole = [record for record, end in zip(written, ends, strict=True) if end <= cut]
    assert records(path) == whole
    journal = Journal(path, KEY)
    assert list(journal.replay()) == whole
    journal.append(b"after")
    journal.close()
    assert records(path) == [*whole, b"after"]
