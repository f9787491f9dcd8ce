"""What the platform renders for the Job, the runtime runs: on a real interface of S3 Vectors."""

import boto3
import pytest
from moto.server import ThreadedMotoServer
from support.platforms import recorded_platform

from plinth_runtime.main import main

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


@pytest.fixture
def client(monkeypatch):
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3vectors", region_name="us-east-1")
    server.stop()


def test_the_rendered_job_makes_an_index_for_every_tenant_once(client, tmp_path, capsys):
    recording = recorded_platform("prod")
    bucket = recording.one("aws:s3/vectorsVectorBucket:VectorsVectorBucket").inputs["vectorBucketName"]
    client.create_vector_bucket(vectorBucketName=bucket)
    file = tmp_path / "collections.json"
    file.write_text(recording.one(CONFIG_MAP, "vector-collections-config").inputs["data"]["collections.json"])
    try:
        for said in ("made", "unchanged"):
            assert main(["vector-schema", "--config", str(file)]) == 0
            assert capsys.readouterr().out.count(f"in store lake: {said}") == 3
        names = [index["indexName"] for index in client.list_indexes(vectorBucketName=bucket)["indexes"]]
        assert len(names) == 3
        assert all(name.startswith("v-conversations-") for name in names)
    finally:
        for index in client.list_indexes(vectorBucketName=bucket)["indexes"]:
            client.delete_index(vectorBucketName=bucket, indexName=index["indexName"])
        client.delete_vector_bucket(vectorBucketName=bucket)
