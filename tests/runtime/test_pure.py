"""The parts that need no server: bodies, tokens, weights, usage."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plinth_runtime
from plinth_runtime.development import completion, tokens
from plinth_runtime.errors import ApiError
from plinth_runtime.gateway.call import Call
from plinth_runtime.gateway.keys import KeyRing
from plinth_runtime.gateway.usage import TAIL_BYTES, StreamTail, Usage, from_body
from plinth_runtime.logs import Log

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text().filter(lambda name: name.lower() != "model"), values, max_size=5)


@given(bodies, st.text(min_size=1), st.text(min_size=1), st.booleans(), st.sampled_from([None, 2]))
def test_rewriting_changes_the_model_and_nothing_else(body, model, target, ascii_only, indent) -> None:
    sent = json.dumps(body | {"model": model}, ensure_ascii=ascii_only, indent=indent)
    try:
        data = sent.encode()
    except UnicodeEncodeError:
        return
    try:
        call = Call(data)
    except ApiError as error:
        assert "\\ud" in sent, error.message
        return
    assert call.model == model
    received = json.loads(call.body_for(target))
    assert received == body | {"model": target}
    assert list(received) == [*body, "model"]
    assert json.loads(call.body_for(model)) == body | {"model": model}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_call_or_a_400(data: bytes) -> None:
    try:
        Call(data)
    except ApiError as error:
        assert error.status == 400
        json.loads(error.body())


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text


@given(st.text(max_size=40), st.integers(1, 300), st.integers(0, 300), st.lists(st.text(max_size=3), max_size=3))
def test_completions_keep_to_limits_and_stops(said, most, least, stops) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": said}], "max_tokens": most}
    data = json.dumps(body | {"min_tokens": least, "stop": stops}).encode()
    try:
        request = completion.parse(data, "m")
    except ApiError:
        assert "\\ud" in data.decode()
        return
    answer = completion.complete(request, data)
    assert len(answer.tokens) <= most
    assert not any(stop and stop in answer.text for stop in stops)
    assert answer.usage["completion_tokens"] == len(answer.tokens) == tokens.count(answer.text)
    words = [chunk["choices"][0]["delta"].get("content", "") for chunk in answer.chunks(with_usage=False)]
    assert "".join(words) == answer.text
    assert answer.finish_reason == "stop" or len(answer.tokens) == most


@given(st.lists(st.binary(max_size=50), max_size=6), st.integers(1, 40), st.booleans())
def test_usage_is_found_however_the_stream_is_cut(noise, size, crlf) -> None:
    end = b"\r\n\r\n" if crlf else b"\n\n"
    told = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}'
    stream = end.join([*(b"data: " + part.replace(b"\n", b"") for part in noise), told, b"data: [DONE]", b""])
    tail = StreamTail()
    for start in range(0, len(stream), size):
        tail.add(stream[start : start + size])
    assert tail.usage() == Usage(5, 6)


def test_the_last_usage_counts_where_every_event_has_one() -> None:
    tail = StreamTail()
    for made in range(5):
        tail.add(b'data: {"usage":{"prompt_tokens":9,"completion_tokens":%d}}\n\n' % made)
    assert tail.usage() == Usage(9, 4)


@pytest.mark.parametrize("usage", [b"null", b'{"prompt_tokens":-1}', b'{"prompt_tokens":"x"}', b"[]", b"7"])
def test_usage_that_is_none_is_none(usage: bytes) -> None:
    assert from_body(b'{"usage":' + usage + b"}") is None


def test_a_key_is_compared_as_a_whole(tmp_path: Path) -> None:
    secret = b"plinth_search_x"
    digest = hashlib.sha256(secret).hexdigest()
    file = tmp_path / "keys.json"

    def ring(stored: str) -> KeyRing:
        file.write_text(json.dumps({"keys": [{"id": "a", "tenant": "search", "sha256": stored}]}))
        return KeyRing(str(file), ["search"], Log("test"))

    headers = {b"authorization": b"Bearer " + secret}
    assert ring(digest).authenticate(headers).id == "a"
    other = "0" if digest[-1] != "0" else "1"
    with pytest.raises(ApiError, match="not valid"):
        ring(digest[:-1] + other).authenticate(headers)


def test_usage_far_from_the_end_is_not_kept() -> None:
    tail = StreamTail()
    tail.add(b'data: {"usage":{"prompt_tokens":5}}\n\n')
    tail.add(b"x" * TAIL_BYTES)
    assert tail.usage() is None


def test_the_version_is_the_distributions() -> None:
    project = Path(plinth_runtime.__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == plinth_runtime.__version__
