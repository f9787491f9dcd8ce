"""Snapshots of Qdrant to S3: a real HTTP server with Qdrant's answers, and a real S3 interface."""

import hashlib
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from plinth.security import authority
from plinth_runtime import vector_snapshots
from plinth_runtime.main import main

KEY, BUCKET, SEED = "canary-key", "snapshots-bucket", b"s" * 32


class Qdrant:
    """A node: two collections, and the interface for snapshots."""

    def __init__(self, context, data=b"x" * (6 * 2**20), says=None):
        self.data, self.says, self.kept, self.calls = data, says, set(), []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format, *args):
                pass

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def respond(self):
                path = urlsplit(self.path).path
                node.calls.append(f"{self.command} {path}")
                if self.headers["api-key"] != KEY:
                    return self.answer(403, b"{}")
                return self.answer(*node.result(self.command, path))

            do_GET = do_POST = do_DELETE = respond

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_port}"

    def result(self, method, path):
        name = "one.snapshot"
        if path == "/collections":
            return 200, json.dumps({"result": {"collections": [{"name": "docs"}, {"name": "logs"}]}}).encode()
        if method == "POST":
            self.kept.add(path)
            checksum = self.says or hashlib.sha256(self.data).hexdigest()
            return 200, json.dumps({"result": {"name": name, "size": len(self.data), "checksum": checksum}}).encode()
        if method == "DELETE":
            self.kept.discard(path.removesuffix(f"/{name}"))
            return 200, b'{"result": true}'
        return 200, self.data


@pytest.fixture
def s3(monkeypatch):
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    # The least that S3 takes as a part that is not the last.
    monkeypatch.setattr(vector_snapshots, "PART_BYTES", 5 * 2**20)
    yield client
    # The server shares its state with every other one of this process.
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
    server.stop()


@pytest.fixture
def run(tmp_path):
    def start(*nodes, key=KEY, bucket=BUCKET):
        (tmp_path / "key").write_text(f"{key}\n")
        (tmp_path / "ca.crt").write_text(authority.authority(SEED, "stores"))
        config = vector_snapshots.VectorSnapshots(
            nodes=[node.url for node in nodes],
            api_key_file=str(tmp_path / "key"),
            ca_file=str(tmp_path / "ca.crt"),
            bucket=bucket,
            prefix="snapshots/",
            region="us-east-1",
        )
        (tmp_path / "config.json").write_text(config.model_dump_json())
        return main(["vector-snapshots", "--config", str(tmp_path / "config.json")])

    return start


@pytest.fixture
def node(tmp_path):
    made = []

    def start(seed=SEED, **answers):
        pair = authority.issue(seed, "stores", ["localhost"])
        (tmp_path / "tls.crt").write_text(pair.certificate)
        (tmp_path / "tls.key").write_text(pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
        made.append(Qdrant(context, **answers))
        return made[-1]

    yield start
    for each in made:
        each.server.shutdown()
        each.server.server_close()


def objects(s3):
    found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {
        item["Key"].split("/", 2)[2]: s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found
    }


def test_every_collection_of_every_node_arrives_whole_and_the_list_is_written_last(s3, node, run):
    first, second = node(), node(data=b"y" * (5 * 2**20 + 3))
    assert run(first, second) == 0
    kept = objects(s3)
    assert set(kept) == {
        "complete.json",
        *(f"{name}/node-{number}.snapshot" for name in ("docs", "logs") for number in (0, 1)),
    }
    assert kept["docs/node-0.snapshot"] == first.data
    assert kept["logs/node-1.snapshot"] == second.data
    listed = json.loads(kept["complete.json"])
    assert listed["nodes"] == 2
    assert {item["bytes"] for item in listed["files"]} == {len(first.data), len(second.data)}
    assert first.kept == second.kept == set(), "a node's disk keeps nothing"


@pytest.mark.parametrize(
    ("answers", "options", "told"),
    [
        ({}, {"key": "wrong"}, "refuses the API key"),
        ({"says": "0" * 64}, {}, "not the one it took"),
        ({"seed": b"o" * 32}, {}, "SSLCertVerificationError"),
        ({}, {"bucket": "no-such-bucket"}, "cannot write to s3://no-such-bucket"),
    ],
)
def test_what_goes_wrong_ends_with_one_message_and_nothing_that_looks_whole(
    s3, node, run, capsys, answers, options, told
):
    store = node(**answers)
    assert run(store, **options) == 1
    said = capsys.readouterr().err
    assert told in said
    assert KEY not in said
    assert "Traceback" not in said
    assert objects(s3) == {}
    assert store.kept == set()
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_node_that_is_gone_is_named(s3, node, run, capsys):
    store = node()
    store.server.shutdown()
    store.server.server_close()
    assert run(store) == 1
    assert f"Qdrant at {store.url} gave no answer" in capsys.readouterr().err
