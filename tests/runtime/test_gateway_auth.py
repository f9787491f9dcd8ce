"""How the gateway proves to providers who it is: checked by fake providers the way the real ones do."""

import asyncio
import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from plinth_runtime.config import Backend
from plinth_runtime.errors import StartupError
from plinth_runtime.gateway.auth import aws
from plinth_runtime.gateway.auth.base import AuthError, Lease, Renewed
from plinth_runtime.gateway.upstream import Upstream, UpstreamError

BODY = b'{"model":"m","messages":[]}'
ACCESS, SECRET, SESSION = "AKIDEXAMPLECANARY", "secret-canary-aws-5f0e", "session-canary-aws-93aa"


@pytest.fixture
def serve():
    """Starts an HTTP server that answers with what a function of the request gives: (status, JSON)."""
    started = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def handle_any(self) -> None:
                self.body = self.rfile.read(int(self.headers.get("content-length", "0")))
                status, data = answer(self)
                payload = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = handle_any

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def post(*backends: Backend, times: int = 1) -> list[int]:
    """The statuses of requests to each backend, one connection pool for all."""

    async def run() -> list[int]:
        statuses = []
        async with Upstream(backends) as upstream:
            for backend in list(backends) * times:
                sent = {"Content-Type": "application/json", "X-Request-Id": "r-1", "traceparent": "00-aa-bb-01"}
                answer = await upstream.post(backend, "/chat/completions", BODY, sent)
                statuses.append(answer.status)
                answer.close()
        return statuses

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    """AWS credentials from the environment, found anew for each test."""
    for name in ("AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    aws.shared.cache_clear()
    yield monkeypatch
    aws.shared.cache_clear()


def signature_is_right(request, secret: str = SECRET, service: str = "bedrock", region: str = "us-east-1") -> bool:
    """Recompute the signature from what arrived, as AWS does."""
    fields = dict(part.strip().split("=", 1) for part in request.headers["authorization"].split(" ", 1)[1].split(","))
    signed = {name: request.headers[name] for name in fields["SignedHeaders"].split(";")}
    again = AWSRequest(method=request.command, url=f"http://{request.headers['host']}{request.path}")
    for name, value in signed.items():
        again.headers[name] = value
    again.data = request.body
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(ACCESS, secret), service, region)
    canonical = signer.canonical_request(again)
    expected = signer.signature(signer.string_to_sign(again, canonical), again)
    scope = f"{ACCESS}/{request.headers['x-amz-date'][:8]}/{region}/{service}/aws4_request"
    return fields["Signature"] == expected and fields["Credential"] == scope


def bedrock(url: str, **more) -> Backend:
    auth = {"kind": "aws_signature", "service": "bedrock", "region": "us-east-1"}
    return Backend.model_validate({"name": "bedrock", "base_url": f"{url}/openai/v1", "auth": auth, **more})


def test_requests_to_aws_are_signed_whole(serve):
    seen = []

    def check(request):
        seen.append(request)
        return (200, {}) if signature_is_right(request) else (403, {"message": "signature"})

    guardrail = {"X-Amzn-Bedrock-GuardrailIdentifier": "gr-1", "X-Amzn-Bedrock-GuardrailVersion": "3"}
    assert post(bedrock(serve(check), headers=guardrail)) == [200]
    [request] = seen
    assert request.path == "/openai/v1/chat/completions"
    assert request.headers["x-amz-security-token"] == SESSION
    for name in ("host", "content-type", "x-amzn-bedrock-guardrailidentifier", "x-amz-security-token"):
        assert name in request.headers["authorization"]
    assert not signature_is_right(request, secret="another")
    request.body += b" "
    assert not signature_is_right(request)


def test_credentials_of_a_pod_are_fetched_once_and_renewed_before_they_expire(serve, credentials, tmp_path):
    """EKS Pod Identity: an agent on the node, asked with the pod's own token."""
    asked, lives = [], [3600]
    token = tmp_path / "token"
    token.write_text("pod-token")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        credentials.delenv(name)

    def agent(request):
        asked.append(request.headers["authorization"])
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lives[len(asked) - 1]))
        return 200, {"AccessKeyId": ACCESS, "SecretAccessKey": f"s{len(asked)}", "Token": "t", "Expiration": end}

    credentials.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{serve(agent)}/v1/credentials")
    credentials.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    good = []
    url = serve(lambda request: (good.append([signature_is_right(request, f"s{n}") for n in (1, 2)]), (200, {}))[1])
    post(bedrock(url), times=5)
    assert asked == ["pod-token"]
    assert good == [[True, False]] * 5
    aws.shared.cache_clear()
    asked.clear()
    good.clear()
    lives[:] = [300, 3600]
    post(bedrock(url), times=5)
    assert len(asked) == 2, "the first ones were about to expire, so they were never used"
    assert good == [[False, True]] * 5


def test_a_pod_without_identity_is_a_clear_error(serve, credentials):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        credentials.delenv(name)
    with pytest.raises(UpstreamError, match="the pod has no identity") as caught:
        post(bedrock(serve(lambda _: (200, {}))))
    assert caught.value.reason == "credentials"


def test_sagemaker_gets_a_presigned_request_as_token(serve):
    seen = []

    def check(request):
        kind, _, value = request.headers["authorization"].partition(" ")
        text = base64.b64decode(value.removeprefix("sagemaker-api-key-")).decode()
        query = parse_qs(urlsplit(f"https://{text}").query)
        again = AWSRequest(method="POST", url="https://sagemaker.amazonaws.com/", headers={"host": aws.SAGEMAKER_HOST})
        again.params = {name: values[0] for name, values in query.items() if name != "Version"}
        signature = again.params.pop("X-Amz-Signature")
        again.context["timestamp"] = again.params["X-Amz-Date"]
        signer = SigV4QueryAuth(Credentials(ACCESS, SECRET), "sagemaker", "eu-west-1")
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        seen.append(query)
        good = (kind, signature, query["Version"]) == ("Bearer", expected, ["1"])
        return (200 if good else 403), {}

    auth = {"kind": "sagemaker_token", "region": "eu-west-1"}
    url = f"{serve(check)}/endpoints/acme-llm/openai/v1"
    assert post(Backend.model_validate({"name": "sm", "base_url": url, "auth": auth}), times=2) == [200, 200]
    assert seen[0]["Action"] == ["CallWithBearerToken"]
    assert seen[0]["X-Amz-Security-Token"] == [SESSION]
    assert seen[0] == seen[1], "a token is used again"


# --- Google -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def account_file(path, key, token_url: str) -> str:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    email = "gateway@acme-ai.iam.gserviceaccount.com"
    fields = {"type": "service_account", "client_email": email, "private_key_id": "k1", "private_key": pem}
    path.write_text(json.dumps({**fields, "token_uri": token_url}))
    return str(path)


class TokenEndpoint:
    """Google's token endpoint: verifies the statement, and gives tokens that live `seconds`."""

    def __init__(self, key, seconds: float = 3600) -> None:
        self.key, self.seconds, self.given, self.fail = key.public_key(), seconds, 0, False

    def __call__(self, request):
        if self.fail:
            return 503, {"error": "backend_error"}
        form = parse_qs(request.body.decode())
        signed, _, signature = form["assertion"][0].rpartition(".")
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
        url = f"http://{request.headers['host']}{request.path}"
        wanted = {"iss": "gateway@acme-ai.iam.gserviceaccount.com", "aud": url}
        try:
            self.key.verify(
                base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is refused
            return 400, {"error": "invalid_grant", "error_description": signature}
        right = (
            form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            and header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
            and {name: claims[name] for name in wanted} == wanted
            and claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            and claims["exp"] - claims["iat"] == 3600
            and abs(claims["iat"] - time.time()) < 60
        )
        if not right:
            return 400, {"error": "invalid_request"}
        self.given += 1
        return 200, {"access_token": f"ya29.canary-{self.given}", "expires_in": self.seconds, "token_type": "Bearer"}


def vertex(url: str, file: str) -> Backend:
    auth = {"kind": "google_service_account", "key_file": file}
    return Backend.model_validate({"name": "vertex", "base_url": f"{url}/v1/endpoints/openapi", "auth": auth})


def test_google_tokens_are_exchanged_once_and_used_again(serve, tmp_path, key):
    endpoint = TokenEndpoint(key)
    sent = []
    url = serve(lambda request: (sent.append(request.headers["authorization"]), (200, {}))[1])
    file = account_file(tmp_path / "sa.json", key, f"{serve(endpoint)}/token")
    assert post(vertex(url, file), times=4) == [200] * 4
    assert sent == ["Bearer ya29.canary-1"] * 4
    assert endpoint.given == 1


def test_google_tokens_are_renewed_before_they_expire_and_kept_while_that_fails(serve, tmp_path, key):
    endpoint = TokenEndpoint(key, seconds=8)
    sent = []
    url = serve(lambda request: (sent.append(request.headers["authorization"][-1]), (200, {}))[1])
    backend = vertex(url, account_file(tmp_path / "sa.json", key, f"{serve(endpoint)}/token"))

    async def run() -> None:
        async with Upstream([backend]) as upstream:

            async def ask() -> None:
                (await upstream.post(backend, "/chat/completions", BODY, {})).close()

            await asyncio.gather(*(ask() for _ in range(10)))
            assert endpoint.given == 1, "one exchange for all who wait"
            await asyncio.sleep(6.5)
            endpoint.fail = True
            await ask()
            assert sent[-1] == "1", "renewal failed, and the old one is still good"
            await asyncio.sleep(2)
            with pytest.raises(UpstreamError, match=r"Google refuses one \(503 backend_error\)"):
                await ask()
            endpoint.fail = False
            await ask()
            assert sent[-1] == "2"

    asyncio.run(run())


def test_a_wrong_google_key_is_a_clear_error_without_the_statement(serve, tmp_path, key):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = account_file(tmp_path / "sa.json", key, f"{serve(TokenEndpoint(other))}/token")
    with pytest.raises(UpstreamError) as caught:
        post(vertex("http://127.0.0.1:9", file))
    assert str(caught.value) == "has no access token: Google refuses one (400 invalid_grant)"
    assert caught.value.reason == "credentials"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"private_key": "-----BEGIN"}', "sk-canary"])
def test_a_file_that_is_no_service_account_stops_the_start(tmp_path, text):
    file = tmp_path / "sa.json"
    file.write_text(text)
    with pytest.raises(StartupError, match="not the key of a Google service account") as caught:
        Upstream([vertex("http://127.0.0.1:9", str(file))])
    assert "canary" not in str(caught.value)


def test_a_token_endpoint_without_tls_is_refused(tmp_path, key):
    file = account_file(tmp_path / "sa.json", key, "http://oauth2.example.com/token")
    with pytest.raises(StartupError, match="https"):
        Upstream([vertex("http://127.0.0.1:9", file)])


# --- keys from files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"kind": "bearer", "key_file": "FILE"}, {"authorization": "Bearer k-1"}),
        ({"kind": "header", "header": "api-key", "key_file": "FILE"}, {"api-key": "k-1", "authorization": None}),
        (
            {"kind": "snowflake_token", "token_file": "FILE"},
            {
                "authorization": "Bearer k-1",
                "x-snowflake-authorization-token-type": "PROGRAMMATIC_ACCESS_TOKEN",
            },
        ),
    ],
)
def test_keys_go_where_the_provider_wants_them(serve, tmp_path, auth, expected):
    file = tmp_path / "key"
    file.write_text("k-1\n")
    seen = []
    url = serve(lambda request: (seen.append(request.headers), (200, {}))[1])
    given = {name: str(file) if value == "FILE" else value for name, value in auth.items()}
    post(Backend.model_validate({"name": "b1", "base_url": url, "auth": given}))
    assert {name: seen[0][name] for name in expected} == expected


# --- renewal ----------------------------------------------------------------------------------------------------


def test_a_failed_renewal_is_not_tried_again_at_once():
    now, calls = [0.0], []

    async def fetch():
        calls.append(now[0])
        if len(calls) > 1:
            raise AuthError("no")
        return Lease("v", 10, 100)

    async def run() -> None:
        held = Renewed[str](lambda: now[0])
        for now[0] in (0.0, 9.0, 11.0, 12.0, 17.0, 99.0):
            assert await held.get(fetch) == "v"
        assert calls == [0.0, 11.0, 17.0, 99.0]
        now[0] = 101.0
        with pytest.raises(AuthError):
            await held.get(fetch)

    asyncio.run(run())


# --- certificates -----------------------------------------------------------------------------------------------


def test_a_certificate_file_that_is_none_stops_the_start(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(StartupError, match="PEM"):
        Upstream([Backend.model_validate({"name": "b1", "base_url": "https://h/v1", "ca_file": str(file)})])
