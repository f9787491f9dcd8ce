"""A public model comes into the bucket whole and checked, from a server that behaves as the hub does."""

import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from plinth_runtime.errors import StartupError
from plinth_runtime.main import main
from plinth_runtime.mirror import bucket as bucket_module
from plinth_runtime.mirror import hub
from plinth_runtime.mirror.config import WeightsMirror
from plinth_runtime.mirror.hub import HubFile
from plinth_runtime.mirror.wanted import ALLOWED, wanted

REVISION = "0123456789abcdef0123456789abcdef01234567"
PATH = f"hugging-face/acme/tiny/{REVISION}"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode()
LARGE = {SHARDS[0]: os.urandom(12 * 2**20 + 5), SHARDS[1]: os.urandom(3 * 2**20)}
SMALL = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors.index.json": INDEX,
}
UNWANTED = {"pytorch_model.bin": b"a pickle", "modeling_tiny.py": b"import os", "README.md": b"# Tiny"}


class Hub(ThreadingHTTPServer):
    """A hub with one repository, whose large files are on another host."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.large, self.small = dict(LARGE), {**SMALL, **UNWANTED}
        self.token = None
        self.break_after = None
        self.ranges, self.fails = True, 0
        self.asked, self.tokens_seen_elsewhere = [], []
        self.told = {}
        self.elsewhere = f"http://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def entries(self):
        for path, content in self.small.items():
            oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            yield {"type": "file", "path": path, "size": len(content), "oid": oid}
        for path, content in self.large.items():
            digest = self.told.get(path, hashlib.sha256(content).hexdigest())
            lfs = {"oid": digest, "size": len(content), "pointerSize": 135}
            yield {"type": "file", "path": path, "size": len(content), "oid": "0" * 40, "lfs": lfs}
        yield {"type": "directory", "path": "original", "size": 0, "oid": "1" * 40}


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        token, elsewhere = self.headers.get("Authorization"), self.headers["Host"].startswith("localhost")
        self.server.asked.append((parts.path, self.headers.get("Range")))
        if elsewhere:
            if token:
                self.server.tokens_seen_elsewhere.append(token)
            return self.file(self.server.large[unquote(parts.path.rsplit("/", 1)[1])])
        if self.server.token and token != f"Bearer {self.server.token}":
            return self.answer(401, b"{}")
        if self.server.fails:
            self.server.fails -= 1
            return self.answer(503, b"busy", {"Retry-After": "0"})
        if parts.path == f"/api/models/acme/tiny/tree/{REVISION}":
            return self.tree(int(parse_qs(parts.query).get("cursor", ["0"])[0]))
        prefix = f"/acme/tiny/resolve/{REVISION}/"
        name = unquote(parts.path.removeprefix(prefix))
        if parts.path.startswith(prefix) and name in self.server.large:
            return self.answer(302, b"", {"Location": f"{self.server.elsewhere}/blobs/{name}"})
        if parts.path.startswith(prefix) and name in self.server.small:
            return self.file(self.server.small[name])
        return self.answer(404, b"{}")

    def tree(self, start):
        """Three entries a page, as the hub has a thousand."""
        entries = list(self.server.entries())
        following = f'<{self.server.address}/api/models/acme/tiny/tree/{REVISION}?cursor={start + 3}>; rel="next"'
        headers = {"Link": following} if start + 3 < len(entries) else {}
        self.answer(200, json.dumps(entries[start : start + 3]).encode(), headers)

    def file(self, content):
        wanted_range = self.headers.get("Range")
        start = int(wanted_range.removeprefix("bytes=").rstrip("-")) if wanted_range and self.server.ranges else 0
        body = content[start:]
        most = self.server.break_after
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if most is None else body[:most])
        if most is not None and len(body) > most:
            self.close_connection = True

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint, monkeypatch):
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(bucket_module, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr(hub, "FIRST_PAUSE_SECONDS", 0.01)
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    yield client
    for found in client.list_objects_v2(Bucket="models").get("Contents", []):
        client.delete_object(Bucket="models", Key=found["Key"])


@pytest.fixture
def public_hub():
    server = Hub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def mirror(s3, public_hub, tmp_path):
    def run(**changes):
        facts = {
            "hub": public_hub.address,
            "repository": "acme/tiny",
            "revision": REVISION,
            "bucket": "models",
            "path": PATH,
            **changes,
        }
        config = tmp_path / "mirror.json"
        config.write_text(WeightsMirror(**facts).model_dump_json())
        return main(["mirror-weights", "--config", str(config)])

    return run


def objects(s3):
    listed = s3.list_objects_v2(Bucket="models").get("Contents", [])
    return {
        found["Key"].removeprefix(f"{PATH}/"): s3.get_object(Bucket="models", Key=found["Key"])["Body"].read()
        for found in listed
    }


def test_weights_and_what_describes_them_are_copied_and_nothing_that_runs(mirror, s3):
    assert mirror() == 0
    assert objects(s3) == {**LARGE, **SMALL}


def test_a_second_run_copies_nothing(mirror, public_hub, capsys):
    mirror()
    public_hub.asked.clear()
    assert mirror() == 0
    assert "0 of 5 files to copy" in capsys.readouterr().err
    assert not [path for path, _ in public_hub.asked if path.endswith(".safetensors")]


def test_what_was_put_there_by_somebody_else_is_copied_again(mirror, s3):
    mirror()
    s3.put_object(Bucket="models", Key=f"{PATH}/{SHARDS[1]}", Body=b"x" * len(LARGE[SHARDS[1]]))
    assert mirror() == 0
    assert objects(s3) == {**LARGE, **SMALL}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_taken_up_where_it_broke(mirror, s3, public_hub, ranges):
    public_hub.break_after, public_hub.ranges = (4 * 2**20, True) if ranges else (11 * 2**20, False)
    if not ranges:
        public_hub.large[SHARDS[0]] = LARGE[SHARDS[0]][: 11 * 2**20]
    assert mirror() == 0
    assert objects(s3) == {**public_hub.large, **SMALL}
    if ranges:
        assert ("/blobs/" + SHARDS[0], f"bytes={8 * 2**20}-") in public_hub.asked


def test_bytes_that_the_hub_did_not_promise_never_appear(mirror, s3, public_hub, capsys):
    public_hub.told = {SHARDS[0]: "f" * 64}
    assert mirror() == 1
    assert f"{SHARDS[0]} is not what the hub promised" in capsys.readouterr().err
    assert SHARDS[0] not in objects(s3)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="models")


def test_the_token_goes_to_the_hub_and_nowhere_else(mirror, s3, public_hub, tmp_path):
    public_hub.token = "hf_secret"
    (tmp_path / "token").write_text("hf_secret\n")
    assert mirror(token_file=str(tmp_path / "token")) == 0
    assert objects(s3) == {**LARGE, **SMALL}
    assert public_hub.tokens_seen_elsewhere == []


def test_without_a_token_that_is_wanted_it_says_so(mirror, public_hub, capsys):
    public_hub.token = "hf_secret"
    assert mirror() == 1
    assert "it asks for a token (token_secret)" in capsys.readouterr().err


def test_a_wrong_token_is_named_without_being_repeated(mirror, public_hub, tmp_path, capsys):
    public_hub.token = "hf_secret"
    (tmp_path / "token").write_text("hf_other")
    assert mirror(token_file=str(tmp_path / "token")) == 1
    told = capsys.readouterr().err
    assert "the token was not accepted" in told
    assert "hf_other" not in told


def test_a_busy_hub_is_asked_again(mirror, s3, public_hub):
    public_hub.fails = 3
    assert mirror() == 0
    assert objects(s3) == {**LARGE, **SMALL}


def test_a_hub_that_stays_busy_ends_it(mirror, public_hub, capsys):
    public_hub.fails = 10_000
    assert mirror() == 1
    assert "HTTP 503 (6 tries)" in capsys.readouterr().err


def test_an_unknown_commit_is_named(mirror, capsys):
    assert mirror(revision="f" * 40) == 1
    assert f"is the commit {'f' * 40} right?" in capsys.readouterr().err


def test_a_hub_that_is_not_there_ends_it(mirror, capsys):
    assert mirror(hub="http://127.0.0.1:9") == 1
    assert "refused" in capsys.readouterr().err


def test_a_missing_shard_is_found_before_anything_is_copied(mirror, s3, public_hub, capsys):
    del public_hub.large[SHARDS[1]]
    assert mirror() == 1
    assert f"names {SHARDS[1]}, which the repository does not have" in capsys.readouterr().err
    assert objects(s3) == {}


def test_a_bucket_that_is_not_there_ends_it_without_a_traceback(mirror, capsys):
    assert mirror(bucket="nobodys") == 1
    assert "cannot write s3://nobodys/" in capsys.readouterr().err


def test_a_repository_of_pickles_is_refused():
    files = [HubFile("pytorch_model.bin", 5, "git:0"), HubFile("config.json", 2, "git:0")]
    with pytest.raises(StartupError, match=r"no \*\.safetensors"):
        wanted(files)


def test_the_same_weights_in_another_format_are_left_out():
    names = ["consolidated.safetensors", "model.safetensors", "config.json"]
    chosen = wanted([HubFile(name, 1, "git:0") for name in names])
    assert {file.path for file in chosen} == {"model.safetensors", "config.json"}


def test_nothing_that_is_allowed_can_run_code():
    assert not [pattern for pattern in ALLOWED if pattern.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".py"))]


def test_a_token_file_without_a_token_is_named(mirror, tmp_path, capsys):
    (tmp_path / "token").write_text("two words")
    assert mirror(token_file=str(tmp_path / "token")) == 1
    assert "does not hold a token" in capsys.readouterr().err
