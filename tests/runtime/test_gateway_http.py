"""Bytes that no well-behaved client sends."""

import json
import socket
import time
from typing import BinaryIO

import pytest


@pytest.fixture
def gateway(start, config):
    # No backend is needed: everything here is refused before one is asked.
    made = config({"chat": [("gone", "m")]}, {"gone": "http://127.0.0.1:9/v1"}, max_body_bytes=4096)
    return start.gateway(made, ready="/healthz")


def exchange(gateway, data: bytes, seconds: float = 10) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", gateway.port), seconds) as client:
        client.sendall(data)
        return read(client)


def read(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with client.makefile("rb") as file:
        return read_from(file)


def read_from(file: BinaryIO) -> tuple[int, dict[str, str], bytes]:
    status = int(file.readline().split()[1])
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.strip().decode()
    return status, headers, file.read(int(headers.get("content-length", "0")))


def post(helpers, body: bytes, *extra: str, path: str = "/v1/chat/completions", length: int | None = None) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {helpers.SEARCH_KEY}",
        "content-type: application/json",
        *(
            []
            if any(line.startswith("transfer-encoding") for line in extra)
            else [f"content-length: {length or len(body)}"]
        ),
        *extra,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The request body is empty"),
        (b"  ", "The request body is empty"),
        (b'{"model": "chat",\n "messages": [}', "invalid character at line 2, column 15 (byte 32)"),
        (b'{"model": "chat"', "ends too early"),
        (b'{"model": "chat"} x', "trailing characters at line 1, column 19"),
        (b'["chat"]', "must be a JSON object"),
        (b'{"messages": []}', "`model` is missing"),
        (b'{"model": 7}', "`model` must be a string"),
        (b'{"model": null}', "`model` must be a string"),
        (b'{"model": ""}', "`model` is empty"),
        (b'{"model": "chat", "Model": "other"}', "`Model` is not a field"),
        (b'{"model": "chat", "x": "\xff"}', "not UTF-8: byte 24"),
        (b'{"model":' + b"[" * 4000, "nested too deeply|ends too early"),
    ],
)
def test_bodies_that_are_not_requests(gateway, helpers, body: bytes, words: str) -> None:
    status, headers, answer = exchange(gateway, post(helpers, body))
    error = json.loads(answer)["error"]
    assert status == 400
    assert any(part in error["message"] for part in words.split("|")), error
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert headers["content-type"] == "application/json"
    assert len(headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("x-other: 1", "missing_api_key"),
        ("authorization: plinth_search_canary-4f1c9a", "missing_api_key"),
        ("authorization: Basic cGxpbnRo", "missing_api_key"),
        ("authorization: Bearer ", "missing_api_key"),
        ("authorization: Bearer \xe9", "invalid_api_key"),
    ],
)
def test_without_a_usable_key(gateway, header: str, code: str) -> None:
    data = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n{header}\r\n\r\n{{}}"
    status, _, answer = exchange(gateway, data.encode("latin-1"))
    assert (status, json.loads(answer)["error"]["code"]) == (401, code)


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("GET /v1/chat/completions HTTP/1.1", 405, "method_not_allowed"),
        ("DELETE /v1/models HTTP/1.1", 405, "method_not_allowed"),
        ("POST /healthz HTTP/1.1", 405, "method_not_allowed"),
        ("GET /v1/nothing HTTP/1.1", 404, "unknown_url"),
        ("GET / HTTP/1.1", 404, "unknown_url"),
        ("GET /v1/%2e%2e/metrics HTTP/1.1", 404, "unknown_url"),
        ("nonsense", 400, "invalid_http"),
        ("GET http://[ HTTP/1.1", 400, "invalid_http"),
        ("\x16\x03\x01\x02", 400, "invalid_http"),
    ],
)
def test_request_lines(gateway, helpers, line: str, status: int, code: str) -> None:
    data = f"{line}\r\nhost: x\r\nauthorization: Bearer {helpers.SEARCH_KEY}\r\n\r\n"
    got, _, answer = exchange(gateway, data.encode())
    assert (got, json.loads(answer)["error"]["code"]) == (status, code)


def test_a_large_body_is_refused_by_its_announced_length(gateway, helpers) -> None:
    status, _, answer = exchange(gateway, post(helpers, b"{", length=10**12))
    assert status == 413
    assert "4096 bytes" in json.loads(answer)["error"]["message"]


def test_a_large_body_is_refused_while_it_arrives_and_the_client_reads_why(gateway, helpers) -> None:
    piece = b"%x\r\n%s\r\n" % (1024, b" " * 1024)
    head = post(helpers, b"", "transfer-encoding: chunked")
    status, _, _ = exchange(gateway, head + piece * 1000)
    assert status == 413


def test_after_a_refused_body_the_connection_is_usable(gateway, helpers) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(post(helpers, b" " * 5000))
        assert read(client)[0] == 413
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read(client)[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 200_000,
        b"GET /" + b"a" * 200_000,
        b"GET /healthz HTTP/1.1\r\n" + b"x-many: header-that-is-long-enough\r\n" * 4000,
    ],
)
def test_heads_have_a_limit(gateway, head: bytes) -> None:
    status, _, answer = exchange(gateway, head)
    assert (status, json.loads(answer)["error"]["code"]) in [(431, "head_too_large"), (400, "invalid_http")]


def test_pipelined_requests_are_answered_in_order(gateway, helpers) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + post(helpers, b"[]"))
        with client.makefile("rb") as answers:  # one buffer: both may arrive together
            assert read_from(answers)[0] == 200
            assert read_from(answers)[0] == 400


def test_request_ids_are_kept_when_harmless(gateway, helpers) -> None:
    kept = exchange(gateway, post(helpers, b"{}", "x-request-id: trace-1.a_B"))[1]["x-request-id"]
    made = exchange(gateway, post(helpers, b"{}", "x-request-id: a b<script>"))[1]["x-request-id"]
    assert kept == "trace-1.a_B"
    assert len(made) == 32


def test_nothing_of_it_disturbs_the_server(gateway, helpers) -> None:
    for data in (b"", b"\r\n" * 100, b"GET", bytes(range(256)) * 10):
        with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
            client.sendall(data)
    time.sleep(0.1)
    assert exchange(gateway, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")[0] == 200
    assert gateway.metric("plinth_gateway_in_flight_requests") == 0
    assert not gateway.events("bug")
    assert helpers.SEARCH_KEY not in gateway.logs()
