"""What a backend's answer means: for the client, for the backend's record, and for whether to ask another."""

from typing import NamedTuple

import msgspec

from plinth_runtime.errors import ApiError
from plinth_runtime.gateway.usage import is_object
from plinth_runtime.gateway.wire.errors import UpstreamError
from plinth_runtime.gateway.wire.link import Answer

MESSAGE_CHARACTERS = 300
"""How much of a backend's own error message is repeated."""

COOL_SECONDS = 1.0
"""How long a backend is left alone that is too busy and does not say for how long, in seconds."""

_FIELDS = (b"data", b"event", b"id", b"retry", b":")
_ERRORS = (b'data: {"error"', b'data:{"error"', b"event: error", b"event:error")


class Verdict(NamedTuple):
    """What to make of an answer that is not simply good."""

    error: ApiError | None
    """What the client is told if nobody else can do better; None: the answer itself is passed on then."""
    reason: str
    """Word for metrics and logs."""
    blame: bool = True
    """Whether it says more about the backend than about the request."""
    cool_seconds: float = 0.0
    """How long the backend wants to be left alone."""


class _UpstreamMessage(msgspec.Struct):
    class Error(msgspec.Struct):
        message: str

    error: Error


def judge(backend: str, answer: Answer, start: bytes) -> Verdict | None:
    """Return what is wrong with an answer, or None. `start` is its beginning, without secrets."""
    status = answer.status
    if status < 300:
        return _judge_good(backend, answer, start)
    reason = f"status_{status}"
    if status >= 500:
        message = f"Backend '{backend}' answered {status}{_said(start)}"
        shown = {503: 503, 504: 504, 529: 503}.get(status, 502)
        cool = retry_after(answer)
        error = ApiError(shown, message, "upstream_error", retry_after=round(cool) if cool >= 1 else None)
        return Verdict(error, reason, cool_seconds=cool)
    if status in (401, 403):
        error = ApiError(502, f"Backend '{backend}' refuses the gateway's API key.", "upstream_refused_key")
        return Verdict(error, reason)
    if status < 400 or not answer.complete:
        error = ApiError(502, f"Backend '{backend}' gave an unusable answer ({status}).", "upstream_error")
        return Verdict(error, reason)
    if status == 429:
        return Verdict(None, reason, blame=False, cool_seconds=retry_after(answer) or COOL_SECONDS)
    if status in (404, 408, 425) or (status in (400, 413) and b"context_length" in start):
        return Verdict(None, reason, blame=False)
    return None


def _judge_good(backend: str, answer: Answer, start: bytes) -> Verdict | None:
    if answer.streams:
        if not start.strip():
            words = "ended its answer before it had begun" if answer.complete else ""
        elif start.startswith(_ERRORS):
            words = f"could not begin its answer{_said(_first_data(start))}".rstrip(".")
        else:
            words = "" if _events(start) else "gave an answer that is no event stream"
    else:
        words = "" if not answer.complete or is_object(start) else "gave an answer that is no JSON object"
    if not words:
        return None
    return Verdict(ApiError(502, f"Backend '{backend}' {words}.", "upstream_garbage"), "garbage")


def _events(start: bytes) -> bool:
    line = start.lstrip(b"\r\n\xef\xbb\xbf")
    return any(line.startswith(name) or name.startswith(line) for name in _FIELDS)


def _first_data(start: bytes) -> bytes:
    return start.partition(b"data:")[2].partition(b"\n")[0]


def _said(body: bytes) -> str:
    try:
        words = msgspec.json.decode(body, type=_UpstreamMessage).error.message
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "."
    return f": {words[:MESSAGE_CHARACTERS]}"


def retry_after(answer: Answer) -> float:
    """Return the seconds that an answer asks to wait; 0 where it does not say."""
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        value = answer.header(name)
        try:
            seconds = float(value) * scale if value else 0.0
        except ValueError:
            continue  # a date: none of the providers sends one
        if 0 < seconds < float("inf"):
            return seconds
    return 0.0


def unreachable(backend: str, failure: UpstreamError) -> ApiError:
    """Return the error for a backend that gave no answer."""
    status = {"timeout": 504, "slow": 504, "busy": 503}.get(failure.reason, 502)
    return ApiError(status, f"Backend '{backend}' {failure.detail}.", f"upstream_{failure.reason}")
