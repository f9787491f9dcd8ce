"""Wrong keys, closed ports, silent and slow servers: a typed error before the deadline, no hang, no thread left."""

import asyncio
import base64
import contextlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.warehouse import emulator

from plinth_runtime.warehouse import connecting
from plinth_runtime.warehouse.client import Warehouse
from plinth_runtime.warehouse.config import EmbeddedWarehouse, SnowflakeConnection
from plinth_runtime.warehouse.emulator.engine import RefusedError
from plinth_runtime.warehouse.errors import DeadlineError, UnreachableError, WarehouseError, WrongCredentialError
from plinth_runtime.warehouse.keys import fingerprint
from plinth_runtime.warehouse.request import Context

CONTEXT = Context("search", "faults", "r")
OLD, NEW = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def ask(endpoint, seconds=2.0, sql="SELECT 1 AS a"):
    """Ask, and return the error and how long it took."""

    async def run():
        async with Warehouse(endpoint) as warehouse:
            started = time.monotonic()
            with pytest.raises(WarehouseError) as failure:
                await warehouse.fetch(sql, [], CONTEXT, seconds=seconds)
            return failure.value, time.monotonic() - started

    error, took = asyncio.run(run())
    assert not [thread for thread in threading.enumerate() if thread.name == "warehouse"]
    return error, took


def at(port, **more):
    timeouts = {"connect_seconds": 1, "cancel_seconds": 1, "socket_seconds": 1}
    common = {"kind": "embedded", "port": port, "database": "D", "timeouts": timeouts, "retries": {"attempts": 1}}
    return EmbeddedWarehouse.model_validate(common | more)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_closed_port_says_where_and_what_to_look_at():
    port = closed_port()
    error, took = ask(at(port))
    assert isinstance(error, UnreachableError)
    assert not error.sent
    assert f"127.0.0.1:{port} cannot be reached" in str(error)
    assert took < 15


def test_a_closed_port_is_tried_again_within_the_deadline_and_no_longer():
    error, took = ask(at(closed_port(), retries={"attempts": 10, "base_seconds": 0.2}), seconds=1.0)
    assert isinstance(error, UnreachableError | DeadlineError)
    assert took < 15


def test_a_server_that_never_answers_ends_at_the_limit_for_signing_in(broken):
    over = threading.Event()
    error, took = ask(at(broken(lambda connection: over.wait(60))), seconds=10)
    over.set()
    assert isinstance(error, UnreachableError)
    assert "sign in" in str(error) or "cannot be reached" in str(error)
    assert took < 15


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01nonsense",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: application/json\r\n\r\n[1,2]",
        b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_snowflakes_is_an_error_of_ours(broken, answer):
    def handle(connection):
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    error, took = ask(at(broken(handle)))
    assert isinstance(error, WarehouseError)
    assert took < 15


def test_a_server_that_falls_silent_in_the_middle_of_a_result_ends_at_the_deadline():
    with emulator(chunk_rows=10) as server:
        gate = server.hold_chunks()
        rows = "SELECT SEQ4() AS id FROM TABLE(GENERATOR(ROWCOUNT => 100))"
        endpoint = server.endpoint(timeouts={"cancel_seconds": 1}, retries={"attempts": 1})
        error, took = ask(endpoint, seconds=1.5, sql=rows)
        gate.set()
    assert isinstance(error, DeadlineError)
    assert took < 15


def test_waiting_for_a_connection_counts_towards_the_deadline():
    with emulator() as server:

        async def run():
            async with Warehouse(server.endpoint(pool={"max_connections": 1})) as warehouse:
                async with warehouse.stream("SELECT 1 AS a", [], CONTEXT):
                    started = time.monotonic()
                    with pytest.raises(DeadlineError):
                        await warehouse.fetch("SELECT 2 AS a", [], CONTEXT, seconds=0.3)
                    assert time.monotonic() - started < 15
                return (await warehouse.fetch("SELECT 2 AS a", [], CONTEXT)).num_rows

        assert asyncio.run(run()) == 1


def test_a_server_that_goes_away_is_unreachable_at_once_and_not_asked_for_ever():
    async def run():
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(emulator())
            async with Warehouse(server.endpoint(retries={"attempts": 2}, timeouts={"cancel_seconds": 1})) as warehouse:
                await warehouse.fetch("SELECT 1 AS a", [], CONTEXT)
                stack.close()
                started = time.monotonic()
                with pytest.raises(UnreachableError, match="cannot be reached"):
                    await warehouse.fetch("SELECT 2 AS a", [], CONTEXT, seconds=20)
                return time.monotonic() - started

    assert asyncio.run(run()) < 15


def test_a_full_disk_under_the_emulator_is_an_error_and_what_was_there_stays(tmp_path, helpers):
    """A limit on the size of files stands for the disk: writing fails in the same place."""
    port = helpers.free_port()
    command = [sys.executable, "-m", "plinth_runtime", "warehouse-emulator", "--port", str(port)]
    limit = 4 << 20
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path)],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )

    async def run():
        async with Warehouse(at(port, timeouts={}, database="ANALYTICS")) as warehouse:
            await warehouse.execute("CREATE TABLE small AS SELECT 1 AS a", [], CONTEXT)
            big = "CREATE TABLE big AS SELECT RANDOM() AS a FROM TABLE(GENERATOR(ROWCOUNT => 3000000))"
            with pytest.raises(WarehouseError):
                await warehouse.execute(big, [], CONTEXT, seconds=60)
        async with Warehouse(at(port, timeouts={}, database="ANALYTICS")) as again:
            with pytest.raises(WarehouseError):
                await again.fetch("SELECT COUNT(*) AS n FROM big", [], CONTEXT, seconds=20)

    try:
        helpers.until(lambda: socket.create_connection(("127.0.0.1", port), 1), what="the emulator")
        asyncio.run(run())
    finally:
        process.kill()
        process.wait(20)

    async def afterwards(server):
        async with Warehouse(server.endpoint()) as warehouse:
            return (await warehouse.fetch("SELECT a FROM small", [], CONTEXT)).to_pylist()

    with emulator(tmp_path) as server:
        assert asyncio.run(afterwards(server)) == [{"A": 1}]


class Users:
    """Checks key-pair tokens as Snowflake does."""

    def __init__(self, *accepted):
        self.accepted = list(accepted)
        self.tried = 0

    def __call__(self, data):
        self.tried += 1
        assert data["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
        assert data["SESSION_PARAMETERS"]["CLIENT_TELEMETRY_ENABLED"] is False
        assert data["CLIENT_ENVIRONMENT"]["PLATFORM"] == [], "no address of a cloud was asked what machine this is"
        head, claims, signature = data["TOKEN"].split(".")
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        for key in self.accepted:
            if said["iss"] == f"ACME-PROD.PLINTH_SEARCH.{fingerprint(key)}":
                try:
                    signed = f"{head}.{claims}".encode()
                    key.public_key().verify(base64.urlsafe_b64decode(signature + "=="), signed, PKCS1v15(), SHA256())
                except InvalidSignature:
                    break
                return
        raise RefusedError(390144, "JWT token is invalid. [0123-abcd]", "08001")


def write(path, key):
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"file": str(path)}


@pytest.fixture
def account(tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "SCHEME", "http")

    def make(port):
        return SnowflakeConnection.model_validate(
            {
                "account": "ACME-PROD",
                "host": "127.0.0.1",
                "port": port,
                "user": "PLINTH_SEARCH",
                "role": "SEARCH_READER",
                "keys": [write(tmp_path / "old.p8", OLD), write(tmp_path / "new.p8", NEW)],
                "database": "ANALYTICS",
                "warehouses": {"applications": {"normal": "APPS"}},
                "pool": {"max_connections": 1, "idle_seconds": 0.01},
            }
        )

    return make


def test_a_key_pair_signs_in_and_during_a_rotation_the_other_one_does(account, tmp_path):
    users = Users(OLD)
    with emulator(sign_in=users) as server:

        async def run():
            async with Warehouse(account(server.port)) as warehouse:
                answers = []
                for accepted in ([OLD], [OLD, NEW], [NEW], [NEW]):
                    users.accepted = accepted
                    await asyncio.sleep(0.05)
                    answers.append((await warehouse.fetch("SELECT 1 AS a", [], CONTEXT, cached=False)).num_rows)
                tried = users.tried
                newest = rsa.generate_private_key(65537, 2048)
                users.accepted = [newest]
                write(tmp_path / "old.p8", newest)
                await asyncio.sleep(0.05)
                await warehouse.fetch("SELECT 1 AS a", [], CONTEXT, cached=False)
                return answers, tried

        answers, tried = asyncio.run(run())
        assert answers == [1, 1, 1, 1]
        assert tried == 5, "one refusal when the old key went, and none after it"
        seen = server.engine.history[-1]
        assert (seen.warehouse, seen.role) == ("APPS", "SEARCH_READER")


def test_a_wrong_key_is_a_wrong_credential_at_once_and_is_not_repeated(account):
    users = Users()
    with emulator(sign_in=users) as server:
        error, took = ask(account(server.port), seconds=10)
    assert isinstance(error, WrongCredentialError)
    assert "JWT token is invalid" in str(error)
    assert "old.p8" in str(error)
    assert users.tried == 2, "each key once"
    assert took < 15


@pytest.mark.parametrize("content", [None, b"", b"canary-content", b"-----BEGIN PRIVATE KEY-----\ncanary\n"])
def test_a_key_that_cannot_be_read_is_said_and_never_shown(account, tmp_path, content):
    endpoint = account(9)
    for name in ("old.p8", "new.p8"):
        (tmp_path / name).unlink()
        if content is not None:
            (tmp_path / name).write_bytes(content)
    error, _ = ask(endpoint)
    assert isinstance(error, WrongCredentialError)
    assert "old.p8" in str(error)
    assert "canary" not in str(error)
