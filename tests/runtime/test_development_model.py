"""The development model by itself: as vLLM's server where the two can be compared."""

import json
import time
import urllib.request

import openai
import pytest

QUESTION = [{"role": "user", "content": "Hello, world!"}]


@pytest.fixture
def model(start):
    return start.model("dev-small")


@pytest.fixture
def client(model):
    return openai.OpenAI(base_url=f"{model.url}/v1", api_key="none", max_retries=0)


def test_says_what_it_is(model, client) -> None:
    [listed] = client.models.list()
    assert (listed.id, listed.owned_by) == ("dev-small", "plinth-development")
    answer = client.chat.completions.create(model="dev-small", messages=QUESTION)
    assert "is no language model" in answer.choices[0].message.content
    assert answer.system_fingerprint == "plinth-development"


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_probes(model, helpers, path) -> None:
    assert helpers.get(model.url + path)[0] == 200


def test_counts_with_vllms_metric_names(model, client) -> None:
    answer = client.chat.completions.create(model="dev-small", messages=QUESTION)
    assert answer.usage.prompt_tokens == 1 + 4
    labels = {"model_name": "dev-small"}
    assert model.metric("vllm:prompt_tokens_total", **labels) == 5
    assert model.metric("vllm:generation_tokens_total", **labels) == answer.usage.completion_tokens
    assert model.metric("vllm:request_success_total", finished_reason="stop", **labels) == 1
    assert model.metric("vllm:num_requests_running", **labels) == 0
    assert model.metric("vllm:num_requests_waiting", **labels) == 0


def test_bytes_are_the_same_for_the_same_request(model) -> None:
    body = json.dumps({"model": "dev-small", "messages": QUESTION, "stream": True}).encode()
    first, second = (
        urllib.request.urlopen(urllib.request.Request(f"{model.url}/v1/chat/completions", body)).read()
        for _ in range(2)
    )
    assert first == second
    assert first.endswith(b"data: [DONE]\n\n")


def test_content_in_parts_and_other_roles(client) -> None:
    parts = [{"type": "text", "text": "part one, "}, {"type": "text", "text": "part two"}]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    answer = client.chat.completions.create(model="dev-small", messages=messages)
    assert answer.choices[0].message.content.endswith("Messages: 2. The last one, from user, says: part one, part two")


def test_keeps_to_its_speed(start) -> None:
    slow = start.model("slow", tokens_per_second=50)
    client = openai.OpenAI(base_url=f"{slow.url}/v1", api_key="none", max_retries=0)
    for stream in (False, True):
        began = time.monotonic()
        answer = client.chat.completions.create(model="slow", messages=QUESTION, max_tokens=25, stream=stream)
        if stream:
            list(answer)
        assert 0.45 < time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "other"}, 404, "this server is for `dev-small`"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hello"}, 400, "messages"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"n": 3}, 400, "`n` must be 1"),
    ],
)
def test_refuses(model, change, status, words) -> None:
    body = json.dumps({"model": "dev-small", "messages": QUESTION} | change).encode()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(f"{model.url}/v1/chat/completions", body))
    assert error.value.code == status
    assert words in json.loads(error.value.read())["error"]["message"]
