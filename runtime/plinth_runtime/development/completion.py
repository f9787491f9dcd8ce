"""What the development model answers: always the same for the same request."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from plinth_runtime.development import tokens
from plinth_runtime.errors import ApiError, invalid_request

CREATED = 1_767_225_600
"""`created` of every answer (2026-01-01, in seconds since 1970): a clock would make answers differ."""

ECHOED_TOKENS = 256
"""Most tokens of the last message that are repeated."""

_Limit = Annotated[int, msgspec.Meta(ge=1)]


class Part(msgspec.Struct):
    """One part of a message's content; only text is understood."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The message's words."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(msgspec.Struct):
    """How to stream."""

    include_usage: bool | None = False


class Request(msgspec.Struct):
    """The part of a chat completion request that is understood; the rest is ignored."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """As in vLLM: the answer has at least so many tokens; its text is repeated until then."""
    stop: str | list[str] | None = None
    n: int | None = 1

    @property
    def limit(self) -> int | None:
        """Most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens


def parse(body: bytes, model: str) -> Request:
    """Return the request.

    Raises:
        ApiError: It is not valid (400), or for another model (404).
    """
    try:
        request = msgspec.json.decode(body, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_request(f"The request is not valid: {error}") from None
    if request.model != model:
        message = f"The model `{request.model[:200]}` does not exist; this server is for `{model}`."
        raise ApiError(404, message, "model_not_found", param="model")
    if request.n not in (None, 1):
        raise invalid_request("This development model gives one choice; `n` must be 1.", "unsupported_value", "n")
    return request


@dataclass(frozen=True)
class Completion:
    """An answer, in tokens."""

    id: str
    model: str
    tokens: list[str]
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int

    @property
    def text(self) -> str:
        """The answer's words."""
        return "".join(self.tokens)

    @property
    def usage(self) -> dict[str, int]:
        """OpenAI's `usage`."""
        made = len(self.tokens)
        total = self.prompt_tokens + made
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": made, "total_tokens": total}

    def whole(self) -> dict[str, Any]:
        """Return the plain answer."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return self._head("chat.completion") | {"choices": [choice], "usage": self.usage}

    def chunks(self, *, with_usage: bool) -> Iterator[dict[str, Any]]:
        """Yield the streamed answer: the role, every token, the reason to stop, and the usage if asked for."""
        head = self._head("chat.completion.chunk") | ({"usage": None} if with_usage else {})
        yield head | {"choices": [_delta({"role": "assistant", "content": ""})]}
        for token in self.tokens:
            yield head | {"choices": [_delta({"content": token})]}
        yield head | {"choices": [_delta({}, self.finish_reason)]}
        if with_usage:
            yield head | {"choices": [], "usage": self.usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": CREATED,
            "model": self.model,
            "system_fingerprint": "plinth-development",
        }


def complete(request: Request, body: bytes) -> Completion:
    """Answer a request; `body` is what it was parsed from, and decides the answer's id."""
    made, finish = _shorten(_answer(request), request)
    prompt = sum(tokens.count(message.role) + tokens.count(message.text) for message in request.messages)
    identity = hashlib.sha256(body).hexdigest()[:24]
    return Completion(f"chatcmpl-{identity}", request.model, made, finish, prompt)


def _answer(request: Request) -> list[str]:
    last = request.messages[-1]
    said = tokens.split(last.text.strip())
    rest = f" (and {len(said) - ECHOED_TOKENS} more tokens)" if len(said) > ECHOED_TOKENS else ""
    text = (
        f"This is {request.model}, Plinth's development model: it answers the same to the same question and is no "
        f"language model. Messages: {len(request.messages)}. The last one, from {last.role}, says: "
        f"{''.join(said[:ECHOED_TOKENS])}{rest}"
    )
    made = tokens.split(text.rstrip())
    wanted = request.min_tokens or 0
    if wanted > len(made):
        times = -(-wanted // len(made))
        made = tokens.split(" ".join([text.rstrip()] * times))[:wanted]
    return made


def _shorten(made: list[str], request: Request) -> tuple[list[str], Literal["stop", "length"]]:
    """Apply `stop`, then the limit: what would have stopped later than the limit is a matter of length."""
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    text = "".join(made)
    found = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    if found:
        made = tokens.split(text[: min(found)])
    if request.limit is not None and len(made) > request.limit:
        return made[: request.limit], "length"
    return made, "stop"


def _delta(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
