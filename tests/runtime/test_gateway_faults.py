"""Backends that fail in every way we know of: with a fallback no client sees it, and nothing leaks."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest

QUESTION = [{"role": "user", "content": "x"}]
GOOD = (
    b'{"choices":[{"message":{"role":"assistant","content":"good"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)
BUSY = b'{"error":{"message":"slow down","type":"rate_limit","code":"rate_limit_exceeded","param":null}}'


def event(words: str, reason: str | None = None) -> bytes:
    chunk = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk["choices"] = [{"index": 0, "delta": {"content": words}, "finish_reason": reason}]
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def reset(connection_send) -> None:
    """Send the beginning of a body, then nothing."""
    connection_send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")


def drip(request, send) -> None:
    send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(200):
        send(b" ")
        time.sleep(0.05)


def faults(helpers) -> dict:
    return {
        "silent": lambda request, send: None,
        "stalled": lambda request, send: time.sleep(20),
        "reset": lambda request, send: reset(send),
        "garbage": lambda request, send: send(helpers.plain(b"<html>oops</html>")),
        "nonsense": lambda request, send: send(b"\x00\x01\x02" * 100),
        "truncated": lambda request, send: send(helpers.plain(b'{"choices":[')),
        "empty": lambda request, send: send(helpers.plain(b"")),
        "e500": lambda request, send: send(helpers.plain(b"{}", "500 Oops")),
        "e529": lambda request, send: send(helpers.plain(b"{}", "529 Overloaded", retry_after="3")),
        "e429": lambda request, send: send(helpers.plain(BUSY, "429 Too Many Requests", retry_after="3")),
        "e401": lambda request, send: send(helpers.plain(b"{}", "401 Unauthorized")),
        "e404": lambda request, send: send(helpers.plain(b"{}", "404 Not Found")),
        "drip": drip,
    }


def priorities(made: dict, **route: object) -> dict:
    """Make the first route ask its targets in the order in which they are listed."""
    first = made["routes"][0]
    for number, target in enumerate(first["targets"]):
        target["priority"] = number
    first |= {"order": ["priority"], **route}
    return made


def descriptors(gateway) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))


def client_of(gateway, helpers, **options) -> openai.OpenAI:
    options = {"max_retries": 0, "timeout": 20, **options}
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, **options)


def test_whatever_a_backend_does_a_fallback_answers(start, config, fake, helpers):
    good = fake(lambda request, send: send(helpers.plain(GOOD)))
    bad = {name: fake(act).url for name, act in faults(helpers).items()}
    bad["dead"] = f"http://127.0.0.1:{helpers.free_port()}/v1"
    routes = {name: [(name, "m"), ("good", "m")] for name in bad}
    made = config(routes, {**bad, "good": good.url})
    for route in made["routes"]:
        route |= {"order": ["priority"], "first_byte_seconds": 0.7}
        route["targets"][1]["priority"] = 1
    gateway = start.gateway(made, ready="/healthz")
    client = client_of(gateway, helpers)
    for name in bad:
        for _ in range(3):
            answer = client.chat.completions.with_raw_response.create(model=name, messages=QUESTION)
            assert answer.headers["x-plinth-backend"] == "good", name
            assert answer.content == GOOD
    for name in bad.keys() - {"dead"}:  # its probe has found it out before
        assert gateway.metric("plinth_gateway_upstream_errors_total", backend=name) >= 1, name
    assert gateway.metric("plinth_gateway_requests_total", status="200") == 3 * len(bad)
    helpers.until(lambda: gateway.metric("plinth_gateway_in_flight_requests") == 0, 5, "nothing in flight")
    targets = json.loads(helpers.get(f"{gateway.url}/statusz")[1])["targets"]
    assert {target["in_flight"] for target in targets} == {0}
    assert not gateway.events("bug")


def test_streams_that_cannot_begin_begin_elsewhere(start, config, fake, helpers):
    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("good", "stop") + DONE) + b"0\r\n\r\n")

    ended = helpers.STREAM_HEAD + b"0\r\n\r\n"
    told = helpers.STREAM_HEAD + helpers.chunk(b'data: {"error": {"message": "no memory"}}\n\n') + b"0\r\n\r\n"
    html = helpers.STREAM_HEAD + helpers.chunk(b"<html>") + b"0\r\n\r\n"
    bad = {f"b{n}": fake(lambda request, send, raw=raw: send(raw)).url for n, raw in enumerate((ended, told, html))}
    bad["late"] = fake(lambda request, send: (send(helpers.STREAM_HEAD), time.sleep(10))).url
    made = config({name: [(name, "m"), ("good", "m")] for name in bad}, {**bad, "good": fake(stream).url})
    for route in made["routes"]:
        route |= {"order": ["priority"], "first_byte_seconds": 0.7}
        route["targets"][1]["priority"] = 1
    gateway = start.gateway(made)
    for name in bad:
        parts = client_of(gateway, helpers).chat.completions.create(model=name, messages=QUESTION, stream=True)
        assert [part.choices[0].delta.content for part in parts] == ["good"], name


def test_a_backend_that_is_too_busy_is_not_called_dead(start, config, fake, helpers):
    busy = fake(lambda request, send: send(helpers.plain(BUSY, "429 Too Many Requests", retry_after="30")))
    good = fake(lambda request, send: send(helpers.plain(GOOD)))
    made = config({"chat": [("busy", "m"), ("good", "m")]}, {"busy": busy.url, "good": good.url})
    gateway = start.gateway(priorities(made))
    for _ in range(5):
        client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION)
    assert len(busy.requests) == 1, "it is left alone for as long as it asked for"
    assert gateway.metric("plinth_gateway_breaker_open", backend="busy") == 0


def test_a_breaker_opens_lets_one_try_and_closes(start, config, fake, helpers):
    broken = threading.Event()
    broken.set()

    def act(request, send) -> None:
        send(helpers.plain(b"{}", "500 Oops") if broken.is_set() else helpers.plain(GOOD))

    flaky = fake(act)
    breaker = {"failures": 3, "open_seconds": 1, "most_seconds": 2}
    gateway = start.gateway(config({"chat": [("flaky", "m")]}, {"flaky": flaky.url}, breaker=breaker))
    client = client_of(gateway, helpers)

    def status() -> int:
        try:
            client.chat.completions.create(model="chat", messages=QUESTION)
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    assert [status() for _ in range(3)] == [502] * 3
    assert [status() for _ in range(5)] == [503] * 5
    assert len(flaky.requests) == 3, "it is left alone"
    helpers.until(lambda: gateway.metric("plinth_gateway_breaker_open", backend="flaky") == 1, 3, "the metric")
    broken.clear()
    helpers.until(lambda: status() == 200, 5, "a closed breaker")
    assert [status() for _ in range(5)] == [200] * 5


def test_retries_wait_and_have_a_budget(start, config, fake, helpers):
    answers = iter([helpers.plain(b"{}", "503 Busy"), helpers.plain(GOOD)])
    shaky = fake(lambda request, send: send(next(answers)))
    down = fake(lambda request, send: send(helpers.plain(b"{}", "500 Oops")))
    made = config(
        {"chat": [("shaky", "m")], "down": [("down", "m")]},
        {"shaky": shaky.url, "down": down.url},
        retry_budget={"share": 0, "least_per_second": 0},
        breaker={"failures": 1000},
    )
    for route in made["routes"]:
        route["retries"] = 3
    gateway = start.gateway(made)
    client = client_of(gateway, helpers)
    assert client.chat.completions.create(model="chat", messages=QUESTION).usage.prompt_tokens == 1
    for _ in range(4):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="down", messages=QUESTION)
    assert len(down.requests) == 4, "the budget of one retry was spent on the first route"
    assert gateway.metric("plinth_gateway_retries_total", kind="retry", result="spent") == 1
    assert gateway.metric("plinth_gateway_retries_total", kind="retry", result="refused") == 4


def test_a_hedge_asks_another_and_the_first_answer_counts(start, config, fake, helpers):
    slow = fake(lambda request, send: time.sleep(15))
    quick = fake(lambda request, send: send(helpers.plain(GOOD)))
    made = config({"chat": [("slow", "m"), ("quick", "m")]}, {"slow": slow.url, "quick": quick.url})
    gateway = start.gateway(priorities(made, hedge_after_seconds=0.2))
    began = time.monotonic()
    answer = client_of(gateway, helpers).chat.completions.with_raw_response.create(model="chat", messages=QUESTION)
    assert answer.headers["x-plinth-backend"] == "quick"
    assert 0.2 <= time.monotonic() - began < 5
    targets = json.loads(helpers.get(f"{gateway.url}/statusz")[1])["targets"]
    assert {target["in_flight"] for target in targets} == {0}, "the slower one was let go"


def test_a_clients_deadline_counts_and_a_wrong_one_is_refused(start, config, fake, helpers):
    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(lambda request, send: time.sleep(10)).url}))
    client = client_of(gateway, helpers)
    began = time.monotonic()
    with pytest.raises(openai.APIStatusError, match=r"within 0\.4 seconds") as error:
        client.chat.completions.create(model="chat", messages=QUESTION, extra_headers={"x-request-timeout": "0.4"})
    assert error.value.status_code == 504
    assert time.monotonic() - began < 3
    for wrong in ("soon", "-1", "nan", "inf"):
        with pytest.raises(openai.BadRequestError, match="number of seconds"):
            client.chat.completions.create(model="chat", messages=QUESTION, extra_headers={"x-request-timeout": wrong})


def test_a_silent_stream_ends_in_an_error_event(start, config, fake, helpers):
    def stall(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("one")))
        time.sleep(15)

    made = config({"chat": [("b1", "m")]}, {"b1": fake(stall).url})
    made["routes"][0]["stall_seconds"] = 1
    gateway = start.gateway(made)
    with pytest.raises(openai.APIError, match="sent nothing for 1 seconds"):
        list(client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION, stream=True))


def test_a_stream_that_breaks_off_behind_its_end_is_complete(start, config, fake, helpers):
    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("one", "stop") + DONE))

    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(stream).url}))
    parts = client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION, stream=True)
    assert [part.choices[0].delta.content for part in parts] == ["one"]


def resumable(start, config, fake, helpers, second):
    def breaks(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(event("Once ") + event("upon ")) + helpers.chunk(b'data: {"id'))

    first, other = fake(breaks), fake(second)
    made = config({"chat": [("first", "m1"), ("other", "m2")]}, {"first": first.url, "other": other.url})
    made = priorities(made, resume=True)
    made["routes"][0]["targets"][1]["continues"] = True
    return start.gateway(made), other


def test_a_stream_is_continued_by_another_backend(start, config, fake, helpers):
    def goes_on(request, send) -> None:
        role = {"id": "c-2", "object": "chat.completion.chunk", "created": 9, "model": "m2"}
        role["choices"] = [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
        rest = event("a ").replace(b"c-1", b"c-2") + event("time", "stop").replace(b"c-1", b"c-2")
        send(
            helpers.STREAM_HEAD
            + helpers.chunk(b"data: " + json.dumps(role).encode() + b"\n\n" + rest + DONE)
            + b"0\r\n\r\n"
        )

    gateway, other = resumable(start, config, fake, helpers, goes_on)
    parts = list(
        client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION, stream=True, max_tokens=9)
    )
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "Once upon a time"
    assert {part.id for part in parts} == {"c-1"}
    [request] = other.requests
    sent = json.loads(request.body)
    assert sent["messages"] == [*QUESTION, {"role": "assistant", "content": "Once upon "}]
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)
    assert (sent["model"], sent["max_tokens"]) == ("m2", 7)
    assert gateway.metric("plinth_gateway_resumed_streams_total", route="chat") == 1


def test_a_stream_that_nobody_can_continue_ends_in_an_error_event(start, config, fake, helpers):
    gateway, other = resumable(
        start, config, fake, helpers, lambda request, send: send(helpers.plain(b"{}", "500 Oops"))
    )
    words = []
    with pytest.raises(openai.APIError, match="'first' broke off"):
        for part in client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION, stream=True):
            words.append(part.choices[0].delta.content)
    assert words == ["Once ", "upon "]
    with pytest.raises(openai.APIError, match="'first' broke off"):
        list(
            client_of(gateway, helpers).chat.completions.create(
                model="chat", messages=QUESTION, stream=True, tools=[{"type": "function", "function": {"name": "f"}}]
            )
        )
    assert len(other.requests) == 1, "half an answer with tools is handed to nobody"


def test_confidential_requests_stay_whatever_fails(start, config, fake, helpers):
    cloud = fake(lambda request, send: send(helpers.plain(GOOD)))
    own = {"base_url": fake(lambda request, send: send(helpers.plain(b"{}", "500 Oops"))).url, "hosting": "self_hosted"}
    made = config({"chat": [("own", "m"), ("cloud", "m")], "away": [("cloud", "m")]}, {"own": own, "cloud": cloud.url})
    for route in made["routes"]:
        route["retries"] = 1
    made["tenants"][0]["sees_decisions"] = True
    gateway = start.gateway(priorities(made))
    client = client_of(gateway, helpers)
    secret = {"x-plinth-data-class": "confidential"}
    for _ in range(8):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="chat", messages=QUESTION, extra_headers=secret)
    with pytest.raises(openai.PermissionDeniedError, match="nothing was sent") as error:
        client.chat.completions.create(model="away", messages=QUESTION, extra_headers=secret)
    told = json.loads(error.value.response.headers["x-plinth-decision"])
    assert told["excluded"] == {"cloud/m": "data class"}
    assert cloud.requests == []
    open_to_all = client.chat.completions.with_raw_response.create(model="chat", messages=QUESTION)
    assert open_to_all.headers["x-plinth-backend"] == "cloud"
    assert json.loads(open_to_all.headers["x-plinth-decision"])["order"][-1] == "cloud/m" or len(cloud.requests) == 1


def test_the_least_important_are_turned_away_first(start, config, fake, helpers):
    go = threading.Event()

    def wait(request, send) -> None:
        go.wait(15)
        send(helpers.plain(GOOD))

    made = config({"chat": [("b1", "m")]}, {"b1": fake(wait).url}, max_in_flight=10)
    made["tenants"][0]["priority"] = "high"
    gateway = start.gateway(made)
    client = client_of(gateway, helpers)
    asked = {"model": "chat", "messages": QUESTION}
    threads = [threading.Thread(target=lambda: client.chat.completions.create(**asked)) for _ in range(7)]
    for thread in threads:
        thread.start()
    helpers.until(lambda: gateway.metric("plinth_gateway_in_flight_requests") == 7, what="seven requests")
    with pytest.raises(openai.InternalServerError, match="too much to do") as error:
        client.chat.completions.create(**asked, extra_headers={"x-plinth-priority": "low"})
    assert (error.value.status_code, error.value.response.headers["retry-after"]) == (503, "1")
    last = threading.Thread(target=lambda: client.chat.completions.create(**asked))
    last.start()
    helpers.until(lambda: gateway.metric("plinth_gateway_in_flight_requests") == 8, what="an important one more")
    go.set()
    for thread in (*threads, last):
        thread.join(10)
    assert gateway.metric("plinth_gateway_shed_requests_total", tenant="search", priority="low") == 1
    assert gateway.metric("plinth_gateway_requests_total", status="200") == 8


def test_clients_and_backends_that_come_and_go_leave_nothing_behind(start, config, fake, helpers):
    def act(request, send) -> None:
        if b"break" in request.body:
            send(helpers.STREAM_HEAD + helpers.chunk(event("one")))
        elif b"hang" in request.body:
            time.sleep(3)
        else:
            send(helpers.plain(GOOD))

    gateway = start.gateway(config({"chat": [("b1", "m")]}, {"b1": fake(act).url}, breaker={"failures": 1000}))
    before = descriptors(gateway)

    def ask(words: str, *, leave: bool) -> None:
        body = b'{"model":"chat","messages":[],"x":"' + words.encode() + b'"}'
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {helpers.SEARCH_KEY}\r\n"
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
            client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            if not leave:
                client.recv(100)

    for number in range(60):
        ask(("break", "hang", "plain")[number % 3], leave=number % 3 == 1 or number % 4 == 0)
    helpers.until(lambda: gateway.metric("plinth_gateway_in_flight_requests") == 0, 5, "nothing in flight")
    helpers.until(lambda: gateway.metric("plinth_gateway_upstream_connections") == 0, 10, "no connections")
    helpers.until(lambda: descriptors(gateway) <= before + 1, 5, "no descriptors")
    assert not gateway.events("bug")


def test_a_decision_is_seen_by_those_allowed_and_can_be_replayed(start, config, fake, helpers):
    from plinth_runtime.config import RuntimeConfig
    from plinth_runtime.gateway.routing.record import replay

    good = fake(lambda request, send: send(helpers.plain(GOOD)))
    made = config({"chat": [("b1", "m"), ("b2", "m")]}, {"b1": good.url, "b2": good.url})
    made["tenants"][0]["sees_decisions"] = True
    gateway = start.gateway(made)

    def header(key: str) -> str | None:
        url, body = f"{gateway.url}/v1/chat/completions", b'{"model":"chat","messages":[]}'
        request = urllib.request.Request(url, body, {"authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers["x-plinth-decision"]

    told, again = replay(RuntimeConfig.model_validate(made), header(helpers.SEARCH_KEY))
    assert told == again
    assert set(told.order) == {"b1/m", "b2/m"}
    assert header(helpers.SUPPORT_KEY) is None
