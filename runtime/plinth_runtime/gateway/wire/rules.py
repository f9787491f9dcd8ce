"""What a request must be, beyond what llhttp insists on (RFC 9110 and 9112), and limits on its head."""

from collections.abc import Mapping

import httptools

from plinth_runtime.errors import ApiError

MAX_HEAD_BYTES = 64 * 1024
"""Largest request line and headers together, trailers included, in bytes."""

MAX_HEADERS = 256
"""Most headers of one request, trailers included."""

SINGLE = frozenset({b"host", b"authorization", b"content-type", b"expect", b"content-length", b"transfer-encoding"})
"""Headers that come once: of two, two servers could read different ones."""


class RuleError(ValueError):
    """A request breaks a rule. `error` is the answer, where it is not simply 400."""

    def __init__(self, words: str, error: ApiError | None = None) -> None:
        super().__init__(words)
        self.error = error


def check(version: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuse what llhttp lets pass.

    Raises:
        RuleError: It is not HTTP/1.1 as RFC 9112 wants it.
    """
    if version not in ("1.1", "1.0"):
        raise RuleError("only HTTP/1.1 and HTTP/1.0 are spoken here")
    if version == "1.1" and b"host" not in headers:
        raise RuleError("header 'host' is missing")
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (coding.strip().lower() != b"chunked" or version == "1.0"):
        raise RuleError("the only transfer-encoding is chunked, of HTTP/1.1")
    if (expected := headers.get(b"expect")) is not None and expected.lower() != b"100-continue":
        error = ApiError(417, "The only expectation that is met is 100-continue.", "expectation_failed")
        raise RuleError("expect", error)


def target(raw: bytes) -> str:
    """Return the request's path and query.

    Raises:
        RuleError: It is none.
        HttpParserInvalidURLError: It is no address either.
    """
    text = raw.decode("ascii", "replace")
    if text.startswith("/") or text == "*":
        return text
    parsed = httptools.parse_url(raw)  # absolute form
    if parsed.schema not in (b"http", b"https") or not parsed.host:
        raise RuleError("the request's target is no path")
    query = "?" + parsed.query.decode("ascii") if parsed.query else ""
    return (parsed.path or b"/").decode("ascii") + query


def head_too_large(words: str = f"is above {MAX_HEAD_BYTES} bytes") -> ApiError:
    """Return the 431."""
    return ApiError(431, f"The request's head {words}.", "head_too_large")


def answer_to(error: Exception) -> ApiError:
    """Return what is answered to bytes that cannot be parsed."""
    cause = error.__context__
    if isinstance(cause, RuleError) and cause.error is not None:
        return cause.error
    words = cause if isinstance(cause, RuleError | httptools.HttpParserInvalidURLError) else error
    return ApiError(400, f"This is not a valid HTTP/1.1 request. {words}", "invalid_http")
