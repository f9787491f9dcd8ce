"""Going on with a stream that broke off: the words that the client has become the beginning of another's answer."""

from collections.abc import Iterable

import msgspec

from plinth_runtime.gateway.call import Call

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_SAME = ("id", "created", "model", "system_fingerprint")
"""Fields in which every chunk of an answer is alike."""
_UNCONTINUABLE = frozenset({"tools", "functions", "response_format", "logprobs", "modalities", "audio"})
"""With these in a request, half an answer cannot be handed to another model."""


class _Delta(msgspec.Struct):
    content: str | None = None
    role: str | None = None
    tool_calls: msgspec.Raw | None = None
    refusal: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_chunk = msgspec.json.Decoder(_Chunk).decode
_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode
_integer = msgspec.json.Decoder(int).decode


class Continuation:
    """What it takes to go on with a chat completion."""

    def __init__(self, call: Call, text: str, chunks: int, head: dict[str, msgspec.Raw]) -> None:
        self._call = call
        self._text = text
        self._chunks = chunks
        self._head = head

    @classmethod
    def of(cls, call: Call, sent: Iterable[bytes]) -> "Continuation | None":
        """Return how to go on from what was sent; None where it is over, or is more than words of one choice."""
        if _UNCONTINUABLE & call.fields.keys() or bytes(call.fields.get("n", b"1")) not in (b"1", b"null"):
            return None
        words: list[str] = []
        head: dict[str, msgspec.Raw] = {}
        try:
            for line in b"".join(sent).splitlines():
                if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
                    continue
                for choice in _chunk(line[5:]).choices:
                    delta = choice.delta
                    if (
                        choice.index
                        or choice.finish_reason
                        or delta.tool_calls
                        or delta.refusal
                        or delta.reasoning_content
                    ):
                        return None
                    if delta.content:
                        words.append(delta.content)
                if not head:
                    fields = _decode(line[5:])
                    head = {name: msgspec.Raw(bytes(fields[name])) for name in _SAME if name in fields}
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        return cls(call, "".join(words), len(words), head)

    def body_for(self, model: str) -> bytes:
        """Return the request that lets a model go on (vLLM's `continue_final_message`)."""
        fields: dict[str, object] = dict(self._call.fields)
        messages: list[object] = list(_messages(self._call.fields["messages"]))
        if self._text:
            messages.append({"role": "assistant", "content": self._text})
            fields |= {"continue_final_message": True, "add_generation_prompt": False}
        for name in ("max_completion_tokens", "max_tokens"):
            if name in self._call.fields and bytes(self._call.fields[name]) != b"null":
                fields[name] = max(1, _integer(self._call.fields[name]) - self._chunks)
        return _encode(fields | {"model": model, "messages": messages})

    def rewrite(self, lines: bytes) -> bytes:
        """Return whole lines of the other's stream as if they were of the first one: its id, no second beginning."""
        return b"".join(self._line(line) for line in lines.splitlines(keepends=True))

    def _line(self, line: bytes) -> bytes:
        data = line[5:].strip()
        if not line.startswith(b"data:") or data == b"[DONE]":
            return line
        try:
            fields = _decode(data)
            choices = _chunk(data).choices
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return line
        if self._text and any(it.delta.role and not it.delta.content and not it.finish_reason for it in choices):
            return b": continued by another backend\n"
        return (
            b"data: " + _encode(fields | {name: value for name, value in self._head.items() if name in fields}) + b"\n"
        )
