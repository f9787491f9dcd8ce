"""HTTP/1.1 as clients and backends may abuse it, over raw sockets: each way to smuggle, stall or confuse is refused."""

import json
import re
import socket
import threading
import time
import urllib.request

import pytest

HOST = b"host: x\r\n"


@pytest.fixture
def backend(fake, helpers):
    return fake(lambda request, send: send(helpers.plain(b'{"ok":true}')))


@pytest.fixture
def gateway(start, config, backend):
    return start.gateway(config({"chat": [("b1", "chat")]}, {"b1": backend.url}, max_body_bytes=100_000))


def talk(gateway, data: bytes, *, until: bytes | None = None, seconds: float = 8) -> bytes:
    """Everything that comes back until the connection closes (or `until` is there)."""
    with socket.create_connection(("127.0.0.1", gateway.port), seconds) as client:
        client.sendall(data)
        got = b""
        while until is None or until not in got:
            piece = client.recv(65536)
            if not piece:
                break
            got += piece
        return got


def call(
    helpers, body: bytes = b'{"model":"chat"}', *lines: str, line: str = "POST /v1/chat/completions HTTP/1.1"
) -> bytes:
    head = [line, "host: x", f"authorization: Bearer {helpers.SEARCH_KEY}", *lines]
    if not any(it.lower().startswith(("content-length", "transfer-encoding")) for it in lines):
        head.append(f"content-length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def answers_in(data: bytes) -> list[bytes]:
    """Statuses of all answers."""
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", data)


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 5", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 5"],
        ["content-length: 5", "content-length: 6"],
        ["content-length: 5", "content-length: 5"],
        ["content-length: 5, 5"],
        ["content-length: +5"],
        ["content-length: 0x5"],
        ["content-length : 5"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding: gzip, chunked"],
        ["transfer-encoding: chunked, identity"],
        ["transfer-encoding: chunked", "transfer-encoding: chunked"],
        ["transfer-encoding:\x0bchunked"],
        ["x: a\r\n folded", "content-length: 5"],
        ["x: a\rb", "content-length: 5"],
        ["x: a\x00b", "content-length: 5"],
        ["x y: a", "content-length: 5"],
        [": a", "content-length: 5"],
        ["host: other", "content-length: 5"],
        ["authorization: Bearer other", "content-length: 5"],
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_ends_the_connection(gateway, backend, helpers, lines):
    got = talk(gateway, call(helpers, b"0\r\n\r\n" + SMUGGLED, *lines))
    assert got.startswith(b"HTTP/1.1 400 "), got[:200]
    assert b"connection: close" in got
    assert len(answers_in(got)) == 1, "nothing behind it was answered"
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_http"
    assert not backend.requests


@pytest.mark.parametrize(
    "line",
    [
        "POST /v1/chat/completions HTTP/2.0",
        "POST /v1/chat/completions HTTP/1.2",
        "POST /v1/chat/completions",
        "CONNECT h:1 HTTP/1.1",
    ],
)
def test_other_protocols_are_refused(gateway, helpers, line):
    assert talk(gateway, call(helpers, line=line)).startswith(b"HTTP/1.1 400 ")


def test_a_request_without_host_is_refused(gateway):
    assert talk(gateway, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert talk(gateway, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert talk(gateway, b"\n\nGET /healthz HTTP/1.1\nhost: x\n\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "chunks",
    [
        b"xyz\r\n",
        b"-1\r\n",
        b"0x5\r\nabcde\r\n",
        b"f" * 17 + b"\r\n",
        b"2\r\nabc\r\n",
        b"5\nabcde\n0\n\n",
        b"3;a\nb\r\nabc\r\n",
    ],
)
def test_malformed_chunks_are_refused(gateway, backend, helpers, chunks):
    got = talk(gateway, call(helpers, chunks + SMUGGLED, "transfer-encoding: chunked"))
    assert got.startswith(b"HTTP/1.1 400 ")
    assert len(answers_in(got)) == 1
    assert not backend.requests


def test_chunked_bodies_with_extensions_and_trailers_arrive_whole(gateway, backend, helpers):
    body = b'8;name=value\r\n{"model"\r\n8\r\n:"chat"}\r\n0\r\nx-trailer: 1\r\nauthorization: Bearer evil\r\n\r\n'
    assert talk(gateway, call(helpers, body, "transfer-encoding: chunked"), until=b'{"ok":true}')
    [request] = backend.requests
    assert request.body == b'{"model":"chat"}'
    assert request.headers["content-length"] == "16"
    assert not {"x-trailer", "authorization", "transfer-encoding"} & set(request.headers)


def test_trailers_and_extensions_without_end_are_cut_off(gateway, helpers):
    head = call(helpers, b"", "transfer-encoding: chunked")
    assert b" 431 " in talk(gateway, head + b"0\r\nx: " + b"a" * 2_000_000)[:20]
    assert b" 431 " in talk(gateway, head + b"0\r\n" + b"x: a\r\n" * 300)[:20]


def test_continue_is_sent_when_the_body_is_wanted_and_only_then(gateway, helpers):
    with socket.create_connection(("127.0.0.1", gateway.port), 8) as client:
        whole = call(helpers, b'{"model":"chat"}', "expect: 100-continue")
        head, body = whole[:-16], whole[-16:]
        client.sendall(head)
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    too_large = talk(gateway, call(helpers, b"", "expect: 100-continue", "content-length: 999999"))
    assert too_large.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in too_large
    assert talk(gateway, call(helpers, b"{}", "expect: tea")).startswith(b"HTTP/1.1 417 ")


def test_methods_without_a_body_or_a_meaning(gateway, helpers):
    head = talk(gateway, b"HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 18" in head
    assert head.endswith(b"\r\n\r\n")
    options = talk(gateway, b"OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b" 204 " in options[:20]
    assert b"allow: POST, OPTIONS" in options
    assert b" 204 " in talk(gateway, b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")[:20]
    refused = talk(gateway, call(helpers, b"", "connection: close", line="PUT /v1/models HTTP/1.1"))
    assert refused.startswith(b"HTTP/1.1 405 ")
    assert b"allow: GET, OPTIONS" in refused
    absolute = b"GET http://any.example/healthz?x=1 HTTP/1.1\r\nhost: any.example\r\nconnection: close\r\n\r\n"
    assert talk(gateway, absolute).startswith(b"HTTP/1.1 200 ")


def test_an_upgrade_is_not_made_and_nothing_behind_it_is_read(gateway, helpers):
    lines = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n"
    got = talk(gateway, f"GET /healthz HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode() + SMUGGLED)
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in got
    assert len(answers_in(got)) == 1


def test_pipelined_requests_get_their_answers_in_order_and_their_number_has_no_depth(gateway, backend, helpers):
    health = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    wrong = b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    got = talk(gateway, call(helpers) + (health + wrong) * 2000 + call(helpers) + last)
    assert answers_in(got) == [b"200", *[b"200", b"404"] * 2000, b"200", b"200"]
    assert len(backend.requests) == 2


def test_a_body_that_comes_byte_by_byte_is_one_body(gateway, backend, helpers):
    with socket.create_connection(("127.0.0.1", gateway.port), 8) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in call(helpers):
            client.send(bytes([byte]))
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert backend.requests[0].body == b'{"model":"chat"}'


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(start, config, fake, helpers):
    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(b"data: 1\n\n") + helpers.chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(stream).url}))
    got = talk(gateway, call(helpers, line="POST /v1/chat/completions HTTP/1.0"))
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"data: 1\n\ndata: [DONE]\n\n"


def ask(gateway, helpers) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"{gateway.url}/v1/chat/completions", b'{"model":"chat"}', {"authorization": f"Bearer {helpers.SEARCH_KEY}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            200,
            b"{}",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", 200, b"{}"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", 200, b"{}"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-t: 1\r\n\r\n", 200, b"{}"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            502,
            b"no valid HTTP answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            502,
            b"no valid HTTP answer",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ", 502, b"no valid HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 400_000, 502, b"no valid HTTP answer"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 502, b"no valid HTTP answer|broke off"),
        (b"<html>", 502, b"no valid HTTP answer"),
    ],
)
def test_what_backends_may_send(start, config, fake, helpers, raw, status, body):
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(lambda request, send: send(raw)).url}))
    got, answer = ask(gateway, helpers)
    assert got == status
    assert any(words in answer for words in body.split(b"|")), answer
    assert not gateway.events("bug")


class Counting:
    """A keep-alive backend that counts connections, and closes each after `requests` answers."""

    def __init__(self, requests: int, extra: bytes = b"") -> None:
        self.connections, self.answered = 0, 0
        self._requests, self._extra = requests, extra
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            for number in range(self._requests):
                line = file.readline()
                if not line:
                    return
                length = 0
                while (header := file.readline().strip()) != b"":
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                file.read(length)
                if line.startswith(b"POST"):
                    if number == 0:
                        self.connections += 1
                    self.answered += 1
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}" + self._extra)

    def close(self) -> None:
        self._socket.close()


def test_connections_are_kept_and_a_stale_one_is_no_error(start, config, helpers):
    backend = Counting(3)
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": backend.url}))
    assert [ask(gateway, helpers)[0] for _ in range(9)] == [200] * 9
    assert backend.answered == 9
    assert backend.connections <= 4, "three requests share a connection"
    assert gateway.metric("plinth_gateway_upstream_errors_total") == 0
    time.sleep(6)
    assert gateway.metric("plinth_gateway_upstream_connections") == 0, "idle connections are let go"
    backend.close()


def test_a_large_answer_may_come_with_its_head_in_one_piece(start, config, fake, helpers):
    body = b'{"x":"' + b"y" * 400_000 + b'"}'
    gateway = start.gateway(
        config({"chat": [("b1", "m")]}, {"b1": fake(lambda _, send: send(helpers.plain(body))).url})
    )
    assert [ask(gateway, helpers) for _ in range(10)] == [(200, body)] * 10


def test_an_answer_that_nobody_asked_for_is_given_to_nobody(start, config, helpers):
    backend = Counting(100, extra=b'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{"p":1}')
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": backend.url}))
    assert [ask(gateway, helpers) for _ in range(5)] == [(200, b"{}")] * 5
    backend.close()


def test_a_client_that_reads_slowly_slows_its_backend_and_costs_no_memory(start, config, fake, helpers):
    sent = []

    def endless(request, send) -> None:
        send(helpers.STREAM_HEAD)
        piece = helpers.chunk(b"data: " + b"x" * 65_000 + b"\n\n")
        for number in range(2000):
            send(piece)
            sent.append(number)

    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(endless).url}))
    before = gateway.metric("process_resident_memory_bytes")
    with socket.create_connection(("127.0.0.1", gateway.port), 8) as client:
        client.sendall(call(helpers))
        client.recv(1000)
        time.sleep(1.5)
        stuck = len(sent)
        time.sleep(0.5)
        assert len(sent) - stuck < 5, "the backend waits"
        assert stuck < 500
        assert gateway.metric("process_resident_memory_bytes") - before < 20_000_000
        seen = 0
        while seen < 50_000_000:
            seen += len(client.recv(1 << 20))
    helpers.until(lambda: gateway.metric("plinth_gateway_in_flight_requests") == 0, 3, "the end of the request")
