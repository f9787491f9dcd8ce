"""Snowpipe Streaming: what the real SDK is told and says, and what its answers mean for the ingester."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from plinth_runtime.warehouse.channels import SourceRow
from plinth_runtime.warehouse.config import IngestPipe, SnowflakeConnection
from plinth_runtime.warehouse.errors import IngestError, UnreachableError, WrongCredentialError
from plinth_runtime.warehouse.ingest import Ingester
from plinth_runtime.warehouse.snowpipe import SnowpipeChannel

SERVER = Path(__file__).parents[2] / "support" / "streaming_server.py"
PIPE = IngestPipe.model_validate(
    {
        "database": "ANALYTICS",
        "schema_name": "PUBLIC",
        "table": "EVENTS",
        "commit_seconds": 30,
        "max_delay_seconds": 0.01,
    }
)
OPEN = """
import asyncio, sys, time
from plinth_runtime.warehouse.config import IngestPipe, SnowflakeConnection
from plinth_runtime.warehouse.errors import WarehouseError
from plinth_runtime.warehouse.snowpipe import SnowpipeChannel
endpoint = SnowflakeConnection.model_validate_json(sys.argv[1])
channel = SnowpipeChannel(endpoint, IngestPipe.model_validate_json(sys.argv[2]), "c1")
started = time.monotonic()
try:
    asyncio.run(channel.open())
except WarehouseError as error:
    print(type(error).__name__, round(time.monotonic() - started), error, file=sys.stderr)
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.fixture
def account(tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "key.p8").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def make(port=443):
        return SnowflakeConnection.model_validate(
            {
                "account": "ACME-PROD",
                "host": "127.0.0.1",
                "port": port,
                "user": "PLINTH_INGEST",
                "role": "INGESTER",
                "keys": [{"file": str(tmp_path / "key.p8")}],
                "database": "ANALYTICS",
                "warehouses": {"ingest": {"normal": "INGEST"}},
                "timeouts": {"connect_seconds": 3, "cancel_seconds": 1},
            }
        )

    return make


def opened(endpoint, **environ):
    command = [sys.executable, "-W", "ignore", "-c", OPEN, endpoint.model_dump_json(), PIPE.model_dump_json()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, env=os.environ | environ)


def test_the_sdk_signs_in_with_the_key_pair_and_sends_nothing_about_itself(account, tmp_path):
    server = subprocess.Popen([sys.executable, str(SERVER), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        done = opened(account(port), SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    finally:
        server.kill()
    requests = [json.loads(line) for line in server.stdout.read().splitlines()]
    paths = [request["path"] for request in requests]
    assert paths[0] == "/v2/streaming/hostname"
    assert requests[0]["kind"] == "KEYPAIR_JWT"
    assert "/v2/streaming/databases/ANALYTICS/schemas/PUBLIC/pipes/EVENTS-STREAMING:pipe-info" in paths
    assert not [path for path in paths if "telemetry" in path], "the SDK's own metrics are off"
    assert done.stdout == "", "stdout is for our own lines"
    assert "the channel c1 into ANALYTICS.PUBLIC.EVENTS" in done.stderr
    assert "PRIVATE KEY" not in done.stderr


def test_the_sdk_at_a_closed_port_ends_in_time(account):
    done = opened(account(9))
    name, seconds, *_ = done.stderr.strip().splitlines()[-1].split()
    assert name == "UnreachableError"
    assert int(seconds) <= 20
    assert done.stdout == ""


class Sdk:
    """The SDK's surface, with a server behind it that commits in batches, later."""

    def __init__(self):
        self.rows, self.offset, self.taken = [], None, []
        self.polls = self.errors = self.saturated = 0
        self.status, self.opened, self.refuse = "SUCCESS", None, None

    def StreamingIngestClient(self, *place, properties):
        return self._client(place, properties)

    def _client(self, place, properties):
        if self.refuse:
            raise self.refuse
        self.opened = (place, properties)
        return SimpleNamespace(open_channel=lambda name: (self, self.get_channel_status()), close=lambda **_: None)

    def append_rows(self, rows, first, last):
        if self.saturated:
            self.saturated -= 1
            raise failure("ReceiverSaturated")
        self.taken.append((rows, last))

    def get_channel_status(self):
        self.polls += 1
        if self.polls % 3 == 0 and self.taken:
            rows, self.offset = self.taken.pop(0)
            self.rows += rows
        return SimpleNamespace(
            latest_committed_offset_token=self.offset,
            rows_error_count=self.errors,
            last_error_offset_token_upper_bound="7",
            last_error_message="not a number",
            status_code=self.status,
        )


def failure(code):
    error = RuntimeError(code)
    error.error_code, error.message = SimpleNamespace(value=code), "said by the server"
    return error


@pytest.fixture
def sdk():
    made = Sdk()
    made.StreamingIngestClient.__func__.from_table = lambda *place, properties: made._client(place, properties)
    return made


def run(account, sdk, count=25):
    async def source(after):
        for offset in range((after or 0) + 1, count + 1):
            yield SourceRow(offset, {"ID": offset})

    async def quarantine(row, reason):
        raise AssertionError(reason)

    channel = SnowpipeChannel(account(), PIPE.model_copy(update={"max_batch_rows": 10}), "c1", sdk=lambda: sdk)
    return asyncio.run(
        Ingester(channel, PIPE.model_copy(update={"max_batch_rows": 10}), quarantine=quarantine).run(source)
    )


def test_rows_are_done_when_their_offset_is_committed(account, sdk):
    sdk.saturated = 1
    done = run(account, sdk)
    assert [row["ID"] for row in sdk.rows] == list(range(1, 26))
    assert done.offset == 25
    (place, told) = sdk.opened
    assert place == ("plinth-c1", "ANALYTICS", "PUBLIC", "EVENTS")
    assert told["enable_telemetry_reporting"] == "false"
    assert run(account, sdk, count=30).rows == 5, "the next run goes on after the committed offset"


def test_rows_that_snowflake_refuses_later_are_never_passed_over(account, sdk):
    sdk.get_channel_status = lambda ask=sdk.get_channel_status: setattr(sdk, "errors", sdk.polls // 4) or ask()
    with pytest.raises(IngestError, match="refused 1 rows up to offset 7: not a number"):
        run(account, sdk)


def test_a_channel_that_another_process_has_opened_stops(account, sdk):
    sdk.status = "ERR_CHANNEL_MUST_BE_REOPENED"
    with pytest.raises(IngestError, match="another process may have opened it"):
        run(account, sdk)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthTokenError", WrongCredentialError),
        ("HttpRetriesExhaustedError", UnreachableError),
        ("SfApiNotFoundError", IngestError),
    ],
)
def test_what_the_sdk_raises_becomes_ours(account, sdk, code, kind):
    sdk.refuse = failure(code)
    with pytest.raises(kind, match="said by the server"):
        run(account, sdk)


def test_an_sdk_that_hangs_is_not_waited_for(account, sdk):
    sdk.get_channel_status = lambda ask=sdk.get_channel_status: time.sleep(30) if sdk.polls > 1 else ask()
    endpoint = account().model_copy(update={"timeouts": account().timeouts.model_copy(update={"socket_seconds": 0.2})})
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="did not answer within"):
        run(lambda: endpoint, sdk)
    assert time.monotonic() - started < 15
