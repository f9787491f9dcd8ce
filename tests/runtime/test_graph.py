"""The graph's client against a real HTTPS server that answers as Neptune documents it."""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plinth_runtime.graph.client import GraphClient, GraphError
from plinth_runtime.graph.config import GraphEndpoint


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a self-signed certificate for 127.0.0.1 and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "graph")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")


@contextlib.asynccontextmanager
async def serving(folder, answer):
    """A server with `answer` at /openCypher; gives its endpoint."""
    app = web.Application()
    app.router.add_post("/openCypher", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        yield GraphEndpoint(host="127.0.0.1", port=port, region="eu-west-1", ca_file=str(folder / "cert.pem"))
    finally:
        await runner.cleanup()


def ask(folder, answer, *, change=None, query="RETURN $x AS x", parameters=None):
    async def act():
        async with serving(folder, answer) as endpoint:
            endpoint = endpoint.model_copy(update=change or {})
            async with GraphClient(endpoint) as graph:
                return await asyncio.wait_for(graph.query(query, parameters or {"x": 1}), 15)

    return asyncio.run(act())


def test_a_query_is_signed_and_its_values_are_parameters(certificate):
    seen = {}

    async def answer(request):
        seen.update(json.loads(await request.text()), authorization=request.headers["Authorization"])
        return web.json_response({"results": [{"x": 1}]})

    assert ask(certificate, answer) == [{"x": 1}]
    assert (seen["query"], seen["parameters"]) == ("RETURN $x AS x", {"x": 1})
    assert "/eu-west-1/neptune-db/aws4_request" in seen["authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date" in seen["authorization"]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, {"code": "MalformedQueryException", "detailedMessage": "Unknown function"}, "Unknown function"),
        (403, {"code": "AccessDeniedException", "detailedMessage": "no"}, "refuses this role"),
        (500, None, "answers 500"),
        (200, {"unexpected": 1}, "answers 200"),
    ],
)
def test_what_the_graph_refuses_says_why_and_no_secret(certificate, status, body, says):
    async def answer(request):
        return web.json_response(body, status=status) if body else web.Response(status=status, text="<html>")

    with pytest.raises(GraphError, match=says) as refused:
        ask(certificate, answer)
    assert "canary" not in str(refused.value)


async def _silent(request):
    await asyncio.sleep(3)


async def _empty(request):
    return web.json_response({"results": []})


@pytest.mark.parametrize(
    ("answer", "change", "says"),
    [
        (_silent, {"timeout_seconds": 0.5}, r"within 0.5 seconds"),
        (_empty, {"port": 1}, "cannot reach the graph"),
        (_empty, {"ca_file": None}, "certificate"),
    ],
)
def test_what_cannot_be_reached_is_said_within_the_deadline(certificate, answer, change, says):
    with pytest.raises(GraphError, match=says):
        ask(certificate, answer, change=change)


def test_a_client_that_was_not_opened_says_so():
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(GraphClient(GraphEndpoint(host="x", region="eu-west-1")).query("RETURN 1"))
