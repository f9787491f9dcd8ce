"""`plinth up local`, then what an application does: the official client, plain, streamed, asynchronous, and refused."""

import asyncio

import openai
import pytest
import requests
from acceptance import observe
from acceptance.local import QUESTION, Local


@pytest.fixture(scope="module")
def key(local) -> str:
    return local.key("search")


@pytest.fixture
def client(local, key) -> openai.OpenAI:
    return local.client(key)


def test_the_first_update_does_what_the_preview_said_and_ends_with_processes_that_run(local: Local):
    preview, up = local.preview.ok(), local.up.ok()
    assert preview.changed() == up.changed() and set(up.counts) == {"create"}
    assert preview.doc["policy"] == up.doc["policy"] == {"packs": 1, "violations": []}
    assert {item["name"]: item["state"] for item in up.doc["processes"]} == dict.fromkeys(
        ["aws", "dev-large", "dev-small", "gateway"], "ready"
    )
    assert local.running() == {item["name"]: item["pid"] for item in up.doc["processes"]}
    assert set(local.running().values()) < set(observe.processes(local.checkout))


def test_answers(client):
    answer = client.chat.completions.create(model="chat", messages=QUESTION)
    assert "development model" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_streams_the_same(client):
    whole = client.chat.completions.create(model="chat-small", messages=QUESTION)
    chunks = list(
        client.chat.completions.create(
            model="chat-small", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 5 and chunks[-1].usage == whole.usage


def test_answers_many_at_once(local, key):
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{local.url}/v1", api_key=key, max_retries=0) as client:
            asked = [client.chat.completions.create(model="chat-small", messages=QUESTION) for _ in range(10)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    assert len(set(asyncio.run(ask()))) == 1


def test_lists_what_the_tenant_may_call(local, client):
    assert {model.id for model in client.models.list()} == {"chat", "chat-small"}
    assert {model.id for model in local.client(local.key("support")).models.list()} == {"chat-small"}


def test_refuses_a_wrong_key(local):
    for wrong in ("plinth_search_wrong", "nonsense"):
        with pytest.raises(openai.AuthenticationError):
            local.client(wrong).chat.completions.create(model="chat", messages=QUESTION)


def test_refuses_the_model_of_another_tenant_as_if_it_did_not_exist(local, client):
    stranger = local.client(local.key("support"))
    with pytest.raises(openai.NotFoundError) as anothers:
        stranger.chat.completions.create(model="chat", messages=QUESTION)
    with pytest.raises(openai.NotFoundError) as nobodys:
        stranger.chat.completions.create(model="nothing", messages=QUESTION)
    assert str(anothers.value).replace("chat", "X") == str(nobodys.value).replace("nothing", "X")


def test_tells_how_it_is(local):
    assert requests.get(f"{local.url}/healthz").status_code == 200
    ready = requests.get(f"{local.url}/readyz")
    assert ready.status_code == 200 and ready.json()["status"] == "ready"
    metrics = requests.get(f"{local.url}/metrics").text
    assert 'tenant="search"' in metrics and 'route="chat"' in metrics


def test_says_how_to_use_it(local):
    plain = local.checkout.plinth("up", "local").ok()
    assert f"{local.url}/v1" in plain.out and "key local search" in plain.out
    assert "everything unchanged" in plain.out
    assert local.running() == {item["name"]: item["pid"] for item in local.up.doc["processes"]}, "something restarted"


def test_status_and_logs(local):
    status = local.checkout.plinth("status", "local").ok()
    assert status.out.count("✓") == 4 and local.url in status.out
    logs = local.checkout.plinth("logs", "local", "gateway").ok()
    assert '"event":"listening"' in logs.out
    assert "What is a plinth?" not in logs.out, "the log holds what people ask"
    wrong = local.checkout.plinth("logs", "local", "gatewai")
    assert wrong.code == 1 and "gateway" in wrong.err and "Traceback" not in wrong.err
    unknown = local.checkout.plinth("key", "local", "serch")
    assert unknown.code == 1 and "Did you mean 'search'?" in unknown.err
