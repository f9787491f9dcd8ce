"""The gateway in front of a development model, seen through the official client."""

import asyncio

import openai
import pytest


@pytest.fixture
def client(start, config, helpers):
    model = start.model()
    other = start.model("dev-large")
    made = config(
        {"chat": [("small", "dev-small")], "chat-large": [("large", "dev-large")]},
        {"small": f"{model.url}/v1", "large": f"{other.url}/v1"},
    )
    gateway = start.gateway(made)
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0)


QUESTION = [{"role": "user", "content": "What is a plinth?"}]


def test_answers_the_same_to_the_same_question(client) -> None:
    first, second = (client.chat.completions.create(model="chat", messages=QUESTION) for _ in range(2))
    assert first == second
    assert "development model" in first.choices[0].message.content
    assert "What is a plinth?" in first.choices[0].message.content
    assert first.model == "dev-small"
    assert first.usage.prompt_tokens == 6
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


def test_streams_the_same_words_and_reports_usage_last(client) -> None:
    whole = client.chat.completions.create(model="chat", messages=QUESTION)
    chunks = list(
        client.chat.completions.create(
            model="chat", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    words = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert words == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len(chunks) == whole.usage.completion_tokens + 3


def test_limits(client) -> None:
    cut = client.chat.completions.create(model="chat", messages=QUESTION, max_tokens=4)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 4)
    assert cut.choices[0].message.content == "This is dev-"
    stopped = client.chat.completions.create(model="chat", messages=QUESTION, stop=["plinth?"])
    assert stopped.choices[0].finish_reason == "stop"
    assert stopped.choices[0].message.content.endswith("What is a ")
    long = client.chat.completions.create(model="chat", messages=QUESTION, extra_body={"min_tokens": 500})
    assert long.usage.completion_tokens == 500


def test_models_are_those_of_the_tenant(client, helpers) -> None:
    assert [model.id for model in client.models.list()] == ["chat", "chat-large"]
    assert client.models.retrieve("chat").owned_by == "plinth"
    support = client.with_options(api_key=helpers.SUPPORT_KEY)
    assert [model.id for model in support.models.list()] == ["chat"]
    for wanted in ("chat-large", "no-such-model"):
        with pytest.raises(openai.NotFoundError) as error:
            support.models.retrieve(wanted)
        assert error.value.code == "model_not_found"


def test_another_tenants_route_looks_like_one_that_does_not_exist(client, helpers) -> None:
    support = client.with_options(api_key=helpers.SUPPORT_KEY)
    messages = []
    for wanted in ("chat-large", "no-such"):
        with pytest.raises(openai.NotFoundError) as error:
            support.chat.completions.create(model=wanted, messages=QUESTION)
        assert (error.value.code, error.value.param) == ("model_not_found", "model")
        messages.append(error.value.body["message"].replace(wanted, "X"))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "key", ["plinth_search_wrong", "x", "plinth_search_canary-4f1c9", "plinth_search_canary-4f1c9aa"]
)
def test_wrong_keys(client, key) -> None:
    bad = client.with_options(api_key=key)
    with pytest.raises(openai.AuthenticationError) as error:
        bad.chat.completions.create(model="chat", messages=QUESTION)
    assert error.value.code == "invalid_api_key"
    assert key not in error.value.message


def test_a_mistake_in_the_request_is_the_backends_own_400(client) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="chat", messages=QUESTION, n=2)
    assert error.value.param == "n"
    with pytest.raises(openai.BadRequestError, match=r"messages"):
        client.chat.completions.create(model="chat", messages=[])


def test_asynchronous_client_many_at_once(client) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0) as many:

            async def one(number: int) -> str:
                question = [{"role": "user", "content": f"number {number}"}]
                if number % 2:
                    answer = await many.chat.completions.create(model="chat", messages=question)
                    return answer.choices[0].message.content
                stream = await many.chat.completions.create(model="chat-large", messages=question, stream=True)
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            return await asyncio.gather(*(one(number) for number in range(40)))

    answers = asyncio.run(ask())
    assert all(answer.endswith(f"says: number {number}") for number, answer in enumerate(answers))
