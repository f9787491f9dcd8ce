"""What the gateway sends to backends, what comes back, and what happens when they fail."""

import json
import threading
import time
import urllib.error
import urllib.request

import openai
import pytest

BACKEND_KEY = "sk-backend-canary-91ab"
PROMPT = "prompt-canary-c0ffee"
BODY = (
    b'{ "messages" : [{"role":"user","content":"' + PROMPT.encode() + b' \xc3\xa9"}],\n'
    b'  "model" : "chat", "x_unknown" : 1.10, "temperature":1e0 }'
)


def ask(gateway, helpers, body: bytes = BODY, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(
        f"{gateway.url}/v1/chat/completions",
        data=body,
        headers={"authorization": f"Bearer {helpers.SEARCH_KEY}", "content-type": "application/json"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def error_of(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str]]:
    return answer[0], json.loads(answer[2])["error"]


def test_bytes_pass_through_untouched(start, config, fake, helpers) -> None:
    answer = b'{"id":"x",  "choices":[], "usage":{"prompt_tokens":3,"completion_tokens":4,"new":{}}, "extra":[1.0]}'
    backend = fake(lambda request, send: send(helpers.plain(answer, set_cookie="a=b", server="secret-host")))
    gateway = start.gateway(config({"chat": [("b1", "chat")]}, {"b1": backend.url}))
    status, headers, body = ask(gateway, helpers, user_agent="canary-agent", cookie="c=d", traceparent="00-aa-bb-01")
    assert (status, body) == (200, answer)
    [request] = backend.requests
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.body == BODY
    assert request.headers["traceparent"] == "00-aa-bb-01"
    assert request.headers["x-request-id"] == headers["x-request-id"]
    assert not {"authorization", "cookie"} & set(request.headers)
    assert request.headers["user-agent"].startswith("plinth-gateway/")
    assert headers["x-plinth-backend"] == "b1"
    assert not {"set-cookie"} & {name.lower() for name in headers}
    assert "secret-host" not in str(headers)
    assert gateway.metric("plinth_gateway_tokens_total", tenant="search", direction="input") == 3
    assert gateway.metric("plinth_gateway_tokens_total", tenant="search", direction="output") == 4
    assert gateway.metric("plinth_gateway_requests_total", route="chat", backend="b1", status="200") == 1


def test_only_the_model_is_rewritten(start, config, fake, helpers) -> None:
    backend = fake(lambda request, send: send(helpers.plain(b"{}")))
    gateway = start.gateway(config({"chat": [("b1", "org/other-8b")]}, {"b1": backend.url}))
    ask(gateway, helpers)
    ask(gateway, helpers, b'{"model":"evil","mod\\u0065l":"chat","messages":[]}')
    first, second = (request.body for request in backend.requests)
    sent, received = json.loads(BODY), json.loads(first)
    assert received == sent | {"model": "org/other-8b"}
    assert list(received) == list(sent)
    assert b"1.10" in first
    assert b'{"role":"user","content":"' in first
    assert second == b'{"model":"org/other-8b","messages":[]}'
    assert gateway.metric("plinth_gateway_answers_without_usage_total") == 2


def test_a_second_spelling_of_model_does_not_reach_a_backend(start, config, fake, helpers) -> None:
    backend = fake(lambda request, send: send(helpers.plain(b"{}")))
    gateway = start.gateway(config({"chat": [("b1", "chat")]}, {"b1": backend.url}))
    ask(gateway, helpers, b'{"model":"expensive","model":"chat"}')
    ask(gateway, helpers, b'{"mod\\u0065l":"expensive","model":"chat"}')
    assert [request.body for request in backend.requests] == [b'{"model":"chat"}'] * 2


def test_backend_keys_are_sent_and_never_shown(start, config, fake, helpers, tmp_path) -> None:
    secret = tmp_path / "backend-key"
    secret.write_text(BACKEND_KEY + "\n")
    statuses = iter(["400 Bad Request", "500 Oops", "401 Unauthorized", "200 OK"])

    def echo(request, send) -> None:
        body = json.dumps({"error": {"message": f"you sent {request.headers['authorization']}"}}).encode()
        send(helpers.plain(body, next(statuses), authorization=BACKEND_KEY))

    backend = fake(echo)
    gateway = start.gateway(
        config(
            {"chat": [("b1", "m")]},
            {"b1": {"base_url": backend.url, "auth": {"kind": "bearer", "key_file": str(secret)}}},
        )
    )
    answers = [ask(gateway, helpers) for _ in range(3)]
    assert [answer[0] for answer in answers] == [400, 502, 502]
    assert error_of(answers[0])[1]["message"] == "you sent Bearer [redacted]"
    assert error_of(answers[1])[1]["message"] == "Backend 'b1' answered 500: you sent Bearer [redacted]"
    assert error_of(answers[2])[1]["code"] == "upstream_refused_key"
    assert backend.requests[0].headers["authorization"] == f"Bearer {BACKEND_KEY}"
    secret.write_text("sk-rotated")
    helpers.until(lambda: gateway.events("credential_loaded"), what="the new credential")
    ask(gateway, helpers)
    assert backend.requests[-1].headers["authorization"] == "Bearer sk-rotated"
    shown = str(answers) + gateway.logs() + helpers.get(f"{gateway.url}/metrics")[1]
    for canary in (BACKEND_KEY, "sk-rotated", helpers.SEARCH_KEY, PROMPT):
        assert canary not in shown


def test_the_next_target_takes_over(start, config, fake, helpers) -> None:
    good = fake(lambda request, send: send(helpers.plain(b'{"from":"good"}')))
    failing = fake(lambda request, send: send(helpers.plain(b"{}", "503 Service Unavailable")))
    silent = fake(lambda request, send: None)
    cut = fake(lambda request, send: send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"))
    dead = f"http://127.0.0.1:{helpers.free_port()}/v1"
    backends = {"failing": failing.url, "silent": silent.url, "cut": cut.url, "dead": dead, "good": good.url}
    made = config({"chat": [(name, "m") for name in backends]}, backends)
    for target in made["routes"][0]["targets"]:
        target["weight"] = 1 if target["backend"] == "good" else 1000
    gateway = start.gateway(made)
    for _ in range(8):
        assert ask(gateway, helpers)[2] == b'{"from":"good"}'
    reasons = {"failing": "status_503", "silent": "disconnect", "cut": "broken"}
    for name, reason in reasons.items():
        assert gateway.metric("plinth_gateway_upstream_errors_total", backend=name, reason=reason) >= 1, name
    assert gateway.metric("plinth_gateway_requests_total", backend="good", status="200") == 8


def test_errors_name_the_backend(start, config, fake, helpers) -> None:
    failing = fake(lambda request, send: send(helpers.plain(b"<html>", "504 Gateway Timeout")))
    silent = fake(lambda request, send: None)
    nonsense = fake(lambda request, send: send(b"SSH-2.0-OpenSSH\r\n\r\n"))
    away = fake(lambda request, send: send(helpers.plain(b"", "302 Found", location="http://169.254.169.254/")))
    dead = f"http://127.0.0.1:{helpers.free_port()}/v1"
    unknown = "http://no-such-host.invalid/v1"
    urls = {"failing": failing.url, "silent": silent.url, "nonsense": nonsense.url, "away": away.url}
    backends = urls | {"dead": dead, "unknown": unknown}
    gateway = start.gateway(config({name: [(name, "m")] for name in backends}, backends), ready="/healthz")
    expected = {
        "failing": (504, "answered 504"),
        "silent": (502, "closed the connection without an answer"),
        "nonsense": (502, "gave no valid HTTP answer"),
        "away": (502, "unusable answer (302)"),
        "dead": (502, "cannot be reached"),
        "unknown": (502, "host name that is not known"),
    }
    for name, (status, words) in expected.items():
        got, error = error_of(ask(gateway, helpers, json.dumps({"model": name}).encode()))
        assert (got, error["type"]) == (status, "server_error")
        assert f"'{name}'" in error["message"]
        assert words in error["message"]


def test_too_many_requests_is_passed_on(start, config, fake, helpers) -> None:
    body = b'{"error":{"message":"slow down","type":"rate_limit","code":"rate_limit_exceeded","param":null}}'
    backend = fake(lambda request, send: send(helpers.plain(body, "429 Too Many Requests", retry_after="7")))
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": backend.url}))
    status, headers, answer = ask(gateway, helpers)
    assert (status, headers["retry-after"], answer) == (429, "7", body)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "x"}])


def event(words: str) -> bytes:
    delta = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    delta["choices"] = [{"index": 0, "delta": {"content": words}, "finish_reason": None}]
    return b"data: " + json.dumps(delta).encode() + b"\n\n"


def test_streams_arrive_piece_by_piece_and_unchanged(start, config, fake, helpers) -> None:
    go = threading.Event()
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
    second = event("two") + usage

    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("one")))
        go.wait(10)
        for start_ in range(0, len(second), 7):
            send(helpers.chunk(second[start_ : start_ + 7]))
        send(b"0\r\n\r\n")

    backend = fake(stream)
    gateway = start.gateway(config({"chat": [("b1", "chat")]}, {"b1": backend.url}))
    request = urllib.request.Request(
        f"{gateway.url}/v1/chat/completions", BODY, {"authorization": f"Bearer {helpers.SEARCH_KEY}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.read1() == event("one")
        go.set()
        assert answer.read() == second
    helpers.until(lambda: gateway.events("request"), what="the log line")
    [line] = gateway.events("request")
    assert (line["tokens_in"], line["tokens_out"], line["streamed"]) == (11, 2, True)


@pytest.mark.parametrize("partial", [b"", b'data: {"id":"c","choi'])
def test_a_stream_that_breaks_off_ends_in_an_error_event(start, config, fake, helpers, partial) -> None:
    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("one")))
        if partial:
            send(helpers.chunk(partial))
        time.sleep(0.2)

    backend = fake(stream)
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": backend.url}))
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0)
    words = []
    with pytest.raises(openai.APIError, match="Backend 'b1' broke off its answer"):
        for part in client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "x"}], stream=True
        ):
            words.append(part.choices[0].delta.content)
    assert words == ["one"]
    assert gateway.metric("plinth_gateway_upstream_errors_total", backend="b1", reason="broken") == 1


def test_a_development_model_killed_in_its_stream(start, config, helpers) -> None:
    model = start.model(tokens_per_second=20)
    gateway = start.gateway(config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}))
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0)
    seen = 0
    with pytest.raises(openai.APIError, match="'b1'"):
        for _ in client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "x"}], stream=True):
            seen += 1
            if seen == 5:
                model.process.kill()
    assert seen >= 5


def test_a_client_that_leaves_ends_the_request_upstream(start, config, helpers) -> None:
    model = start.model(tokens_per_second=10)
    gateway = start.gateway(config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}))
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0, timeout=0.5)
    question = [{"role": "user", "content": "x"}]
    with client.chat.completions.create(model="chat", messages=question, stream=True) as stream:
        next(stream)
        assert model.metric("vllm:num_requests_running") == 1
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="chat", messages=question)
    helpers.until(lambda: model.metric("vllm:num_requests_running") == 0, 3, "an idle model")
    helpers.until(lambda: len(gateway.events("request")) == 2, what="the log lines")
    assert [(line["status"], line["error"]) for line in gateway.events("request")] == [(499, "client_gone")] * 2
    assert gateway.metric("plinth_gateway_in_flight_requests") == 0


def test_the_time_limit_before_and_in_an_answer(start, config, fake, helpers) -> None:
    def slow(request, send) -> None:
        if b"stream" in request.body:
            send(helpers.STREAM_HEAD + helpers.chunk(event("one")))
        time.sleep(5)

    backend = fake(slow)
    made = config({"chat": [("b1", "m")]}, {"b1": backend.url}, request_timeout_seconds=0.6)
    gateway = start.gateway(made)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0)
    question = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(model="chat", messages=question)
    assert (error.value.status_code, error.value.code) == (504, "request_timeout")
    assert "Backend 'b1' did not finish within 0.6 seconds" in error.value.message
    with pytest.raises(openai.APIError, match=r"did not finish within 0\.6 seconds"):
        list(client.chat.completions.create(model="chat", messages=question, stream=True))


def test_large_plain_answers_are_passed_on_without_being_held(start, config, fake, helpers) -> None:
    size = 20_000_000

    def large(request, send) -> None:
        send(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n".encode())
        for _ in range(20):
            send(b"x" * (size // 20))

    backend = fake(large)
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": backend.url}))
    before = gateway.metric("process_resident_memory_bytes")
    assert len(ask(gateway, helpers)[2]) == size
    assert gateway.metric("process_resident_memory_bytes") - before < size / 2
