"""Requests for a model without a replica wait for one: the real gateway, a late server, and the official client."""

import asyncio
import json
import threading
import time

import openai
import pytest

QUESTION = [{"role": "user", "content": "hello"}]
HELD = "plinth_gateway_held_requests"
REFUSED = "plinth_gateway_hold_refusals_total"


@pytest.fixture
def asleep(start, config, helpers):
    """A gateway whose only backend has no server yet, and the port where one may come up."""

    def make(**hold):
        port = helpers.free_port()
        backend = {"base_url": f"http://127.0.0.1:{port}/v1", "hold": {"max_requests": 100, "seconds": 60, **hold}}
        made = config({"chat": [("sleepy", "dev-small")]}, {"sleepy": backend}, request_timeout_seconds=3)
        return start.gateway(made), port

    return make


def wake(start, port):
    options = ["--port", str(port), "--model", "dev-small", "--tokens-per-second", "0"]
    return start.run("development-model", *options, port=port, ready="/health")


def client(gateway, helpers, **options):
    return openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, **{"max_retries": 0, "timeout": 60, **options}
    )


def in_background(ask):
    answers = []

    def run():
        try:
            answers.append(ask())
        except openai.OpenAIError as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, answers


def test_requests_are_held_and_go_through_once_a_replica_is_there(asleep, start, helpers):
    gateway, port = asleep()  # ready, although its backend is not there
    asked = client(gateway, helpers)

    async def many():
        async with openai.AsyncOpenAI(base_url=asked.base_url, api_key=asked.api_key, max_retries=0) as several:
            plain = (several.chat.completions.create(model="chat", messages=QUESTION) for _ in range(5))
            return await asyncio.gather(*plain)

    def streamed():
        stream = asked.chat.completions.create(model="chat", messages=QUESTION, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    first, answers = in_background(lambda: asyncio.run(many()))
    second, texts = in_background(streamed)
    helpers.until(lambda: gateway.metric(HELD, backend="sleepy") == 6, what="six held requests")
    time.sleep(3.5)  # longer than a request may take once somebody answers it
    assert gateway.metric(HELD, backend="sleepy") == 6
    wake(start, port)
    first.join(30)
    second.join(30)
    assert [answer.choices[0].message.content.endswith("says: hello") for answer in answers[0]] == [True] * 5
    assert texts[0].endswith("says: hello")
    assert gateway.metric(HELD, backend="sleepy") == 0
    assert gateway.metric("plinth_gateway_requests_total", status="200") == 6
    # Awake, nothing is held.
    assert asked.chat.completions.create(model="chat", messages=QUESTION).model
    assert gateway.metric(REFUSED) == 0


def test_more_requests_than_may_wait_are_told_when_to_come_back(asleep, start, helpers):
    gateway, port = asleep(max_requests=2)
    asked = client(gateway, helpers)
    waiting = [in_background(lambda: asked.chat.completions.create(model="chat", messages=QUESTION)) for _ in range(2)]
    helpers.until(lambda: gateway.metric(HELD, backend="sleepy") == 2, what="two held requests")
    with pytest.raises(openai.InternalServerError) as error:
        asked.chat.completions.create(model="chat", messages=QUESTION)
    assert error.value.status_code == 503
    assert error.value.code == "backend_starting"
    assert int(error.value.response.headers["retry-after"]) > 0
    assert "2 requests wait for it already" in error.value.message
    assert gateway.metric(REFUSED, backend="sleepy", reason="full") == 1
    wake(start, port)
    for thread, _ in waiting:
        thread.join(30)
    assert [type(answers[0]).__name__ for _, answers in waiting] == ["ChatCompletion"] * 2


def test_a_replica_that_does_not_come_ends_the_wait(asleep, helpers):
    gateway, _ = asleep(seconds=1)
    with pytest.raises(openai.InternalServerError, match="did not start within 1 seconds") as error:
        client(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION)
    assert error.value.status_code == 503
    assert "retry-after" in error.value.response.headers
    assert gateway.metric(HELD, backend="sleepy") == 0
    assert gateway.metric(REFUSED, reason="late") == 1


def test_a_client_that_leaves_is_not_held_any_longer(asleep, helpers):
    gateway, _ = asleep()
    with pytest.raises(openai.APITimeoutError):
        client(gateway, helpers, timeout=1).chat.completions.create(model="chat", messages=QUESTION)
    helpers.until(lambda: gateway.metric(HELD, backend="sleepy") == 0, what="nobody waiting")
    helpers.until(lambda: gateway.events("request"), what="a log line")
    assert gateway.events("request")[-1]["error"] == "client_gone"


def test_a_gateway_that_ends_sends_those_who_wait_to_another(asleep, helpers):
    gateway, _ = asleep()
    thread, answers = in_background(
        lambda: client(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION)
    )
    helpers.until(lambda: gateway.metric(HELD, backend="sleepy") == 1, what="a held request")
    assert gateway.stop() == 0
    thread.join(10)
    assert answers[0].response.headers["retry-after"] == "1"


def test_without_hold_an_absent_backend_is_an_error_at_once(start, config, helpers):
    made = config({"chat": [("gone", "m")]}, {"gone": f"http://127.0.0.1:{helpers.free_port()}/v1"})
    gateway = start.gateway(made, ready="/healthz")
    began = time.monotonic()
    with pytest.raises(openai.InternalServerError) as error:
        client(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION)
    assert error.value.status_code == 502
    assert time.monotonic() - began < 5
    assert json.loads(helpers.get(f"{gateway.url}/readyz")[1])["status"] == "not ready"
