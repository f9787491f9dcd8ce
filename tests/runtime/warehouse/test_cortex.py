"""Cortex over REST, against a server that checks every request, and its SQL forms."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sqlglot
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from sqlglot import exp

from plinth_runtime.warehouse import cortex as module
from plinth_runtime.warehouse import cortex_sql
from plinth_runtime.warehouse.config import SnowflakeConnection
from plinth_runtime.warehouse.cortex import Cortex, Turn
from plinth_runtime.warehouse.errors import (
    CortexError,
    DeadlineError,
    RefusedStatementError,
    UnreachableError,
    WrongCredentialError,
)
from plinth_runtime.warehouse.keys import fingerprint

OLD, NEW = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def write_key(folder, name, key):
    (folder / f"{name}.phrase").write_text("canary-phrase\n")
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary-phrase"))
    (folder / f"{name}.p8").write_bytes(encrypted)
    return {"file": str(folder / f"{name}.p8"), "passphrase_file": str(folder / f"{name}.phrase")}


def unpacked(token):
    import base64

    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(head), json.loads(claims), signature, token.rpartition(".")[0].encode()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A stand-in for the REST API: `server.answers[path]` is status and body, or a function that writes."""
    monkeypatch.setattr(module, "SCHEME", "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            head, claims, signature, signed = unpacked(self.headers["authorization"].removeprefix("Bearer "))
            assert head == {"alg": "RS256", "typ": "JWT"}
            user = "ACME-PROD.PLINTH_SEARCH"
            key = next((k for k in listening.accepted if claims["iss"] == f"{user}.{fingerprint(k)}"), None)
            assert claims["sub"] == user
            assert claims["exp"] - claims["iat"] <= 3600
            assert self.headers["x-snowflake-authorization-token-type"] == "KEYPAIR_JWT"
            listening.seen.append((self.path, body, dict(self.headers)))
            if key is None:
                return self.say(401, b'{"message": "JWT token is invalid."}')
            key.public_key().verify(signature, signed, PKCS1v15(), SHA256())
            found = listening.answers[self.path]
            return found(self) if callable(found) else self.say(*found)

        def say(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    listening.accepted, listening.seen, listening.answers = [OLD], [], {}
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield listening
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def endpoint(server, tmp_path):
    return SnowflakeConnection.model_validate(
        {
            "account": "ACME-PROD",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "user": "PLINTH_SEARCH",
            "role": "SEARCH_READER",
            "keys": [write_key(tmp_path, "old", OLD), write_key(tmp_path, "new", NEW)],
            "database": "ANALYTICS",
            "warehouses": {"ml": {"normal": "ML"}},
            "cortex": {
                "complete_model": "claude-sonnet-4-5",
                "embed_model": "snowflake-arctic-embed-l-v2.0",
                "search_services": {"docs": "ANALYTICS.SEARCH.DOCS"},
                "semantic_views": {"sales": "ANALYTICS.SALES.REVENUE"},
                "first_byte_seconds": 20,
                "max_answer_bytes": 20_000,
            },
        }
    )


def call(endpoint, work):
    async def run():
        async with Cortex(endpoint) as cortex:
            return await work(cortex)

    return asyncio.run(run())


def event(text, **more):
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}], **more}).encode() + b"\n\n"


def streamed(*parts, wait=None):
    def write(handler):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
        if wait:
            wait.wait(10)
        handler.close_connection = True

    return write


async def completed(cortex, **more):
    return [piece async for piece in cortex.complete([Turn("user", "Hello")], **more)]


def test_a_completion_comes_in_pieces(server, endpoint):
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    whole = event("Good ") + event("day, ü", usage=usage) + b"data: [DONE]\n\n"
    # Cut in the middle of an event and of a character.
    server.answers[module.COMPLETE_PATH] = streamed(whole[:20], whole[20:75], whole[75:])
    pieces = call(endpoint, completed)
    assert "".join(piece.text for piece in pieces) == "Good day, ü"
    assert (pieces[-1].prompt_tokens, pieces[-1].completion_tokens) == (3, 2)
    ((_, body, headers),) = server.seen
    assert body == {
        "model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1024,
        "temperature": 0.0,
        "stream": True,
    }
    assert headers["x-snowflake-role"] == "SEARCH_READER"


def test_vectors_keep_the_order_of_their_texts(server, endpoint):
    data = [{"index": 1, "embedding": [[3.0, 4.0]]}, {"index": 0, "embedding": [[1.0, 2.0]]}]
    server.answers[module.EMBED_PATH] = (200, json.dumps({"data": data}).encode())
    assert call(endpoint, lambda cortex: cortex.embed(["a", "b"])) == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(CortexError, match="of 3 texts"):
        call(endpoint, lambda cortex: cortex.embed(["a", "b", "c"]))


def test_search_asks_the_service_of_the_configuration(server, endpoint):
    path = "/api/v2/databases/ANALYTICS/schemas/SEARCH/cortex-search-services/DOCS:query"
    server.answers[path] = (200, b'{"results": [{"TITLE": "x"}], "request_id": "r"}')
    found = call(endpoint, lambda c: c.search("docs", "refunds", ["TITLE"], filter={"@eq": {"TENANT": "search"}}))
    assert found == [{"TITLE": "x"}]
    assert server.seen[0][1] == {
        "query": "refunds",
        "columns": ["TITLE"],
        "limit": 10,
        "filter": {"@eq": {"TENANT": "search"}},
    }
    with pytest.raises(RefusedStatementError, match=r"no search service is named 'other' \(there are: docs\)"):
        call(endpoint, lambda c: c.search("other", "x", ["TITLE"]))


def test_analyst_gives_words_and_sql(server, endpoint):
    parts = [{"type": "text", "text": "Revenue by month"}, {"type": "sql", "statement": "SELECT 1"}]
    server.answers[module.ANALYST_PATH] = (
        200,
        json.dumps({"message": {"role": "analyst", "content": parts}, "request_id": "r-1"}).encode(),
    )
    answer = call(endpoint, lambda cortex: cortex.ask("sales", "Revenue?"))
    assert (answer.text, answer.sql, answer.request_id) == ("Revenue by month", "SELECT 1", "r-1")
    assert server.seen[0][1]["semantic_view"] == "ANALYTICS.SALES.REVENUE"


def test_the_second_key_is_used_when_the_first_is_refused_and_first_from_then_on(server, endpoint):
    server.accepted = [NEW]
    server.answers[module.EMBED_PATH] = (200, b'{"data": [{"index": 0, "embedding": [1]}]}')

    async def twice(cortex):
        await cortex.embed(["a"])
        await cortex.embed(["a"])

    call(endpoint, twice)
    assert len(server.seen) == 3


def test_a_key_that_is_replaced_needs_no_restart(server, endpoint, tmp_path):
    server.answers[module.EMBED_PATH] = (200, b'{"data": [{"index": 0, "embedding": [1]}]}')
    newest = rsa.generate_private_key(65537, 2048)

    async def rotated(cortex):
        await cortex.embed(["a"])
        server.accepted = [newest]
        with pytest.raises(WrongCredentialError):
            await cortex.embed(["a"])
        write_key(tmp_path, "old", newest)
        await cortex.embed(["a"])

    call(endpoint, rotated)


def test_no_key_that_is_taken_is_said_without_the_key(server, endpoint):
    server.accepted = []
    with pytest.raises(WrongCredentialError, match=r"takes none of .*old\.p8") as failure:
        call(endpoint, lambda cortex: cortex.embed(["a"]))
    assert "canary" not in str(failure.value)


def test_a_refusal_has_its_status_and_code(server, endpoint):
    refusal = b'{"message": "model x is not available in your region", "code": "390300", "request_id": "r-9"}'
    server.answers[module.EMBED_PATH] = (400, refusal)
    with pytest.raises(CortexError, match="not available in your region") as failure:
        call(endpoint, lambda cortex: cortex.embed(["a"]))
    assert (failure.value.status, failure.value.code, failure.value.request_id) == (400, "390300", "r-9")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([event("a"), b'data: {"error": {"message": "budget exceeded", "code": 429}}\n\n'], "budget exceeded"),
        ([b"data: [1]\n\n"], "not a JSON object"),
        ([b"data: {broken\n\n"], "not a JSON object"),
        ([event("x" * 500)] * 60, "larger than 20000 bytes"),
    ],
)
def test_a_stream_that_breaks_ends_in_an_error(server, endpoint, parts, said):
    server.answers[module.COMPLETE_PATH] = streamed(*parts)
    with pytest.raises(CortexError, match=said):
        call(endpoint, completed)


def test_a_stream_that_stops_ends_at_the_deadline(server, endpoint):
    over = threading.Event()
    server.answers[module.COMPLETE_PATH] = streamed(event("a"), wait=over)
    with pytest.raises(DeadlineError):
        call(endpoint, lambda cortex: completed(cortex, seconds=0.4))
    over.set()


def test_the_deadline_never_cancels_what_the_caller_does_meanwhile(server, endpoint):
    server.answers[module.COMPLETE_PATH] = streamed(event("a"), event("b"))

    async def slow(cortex):
        texts = []
        async for piece in cortex.complete([Turn("user", "x")], seconds=4):
            texts.append(piece.text)
            await asyncio.sleep(2.2)
        return texts

    assert "".join(call(endpoint, slow)) == "ab"


def test_a_closed_port_says_where(server, endpoint):
    closed = endpoint.model_copy(update={"port": 9})
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 cannot be reached") as failure:
        call(closed, lambda cortex: cortex.embed(["a"]))
    assert not failure.value.sent


@pytest.mark.parametrize("sql", cortex_sql.ALL)
def test_the_sql_forms_are_snowflakes_and_take_values(sql):
    tree = sqlglot.parse_one(sql, read="snowflake")
    assert isinstance(tree, exp.Select)
    assert len(list(tree.find_all(exp.Placeholder))) == 2
