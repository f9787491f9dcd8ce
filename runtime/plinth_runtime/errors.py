"""Errors: those that end the process at start, and those that a client of the API sees."""

import json


class StartupError(Exception):
    """The process cannot start; the message tells a person what is wrong, where, and what to do."""


class ClientGoneError(Exception):
    """The client closed its connection before the answer was complete; nobody is left to be told."""


class ApiError(Exception):
    """An answer in OpenAI's error shape: `{"error": {"message", "type", "param", "code"}}`.

    Attributes:
        status: HTTP status.
        message: What is wrong and what to do, for a person.
        code: Word for programs, for example `model_not_found`.
        kind: OpenAI's `type`, for example `invalid_request_error`.
        param: The parameter at fault.
        retry_after: Seconds after which to try again, for the header `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None,
        kind: str | None = None,
        param: str | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.kind = kind or ("invalid_request_error" if status < 500 else "server_error")
        self.param = param
        self.retry_after = retry_after

    def body(self) -> bytes:
        """Return the JSON body."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}, ensure_ascii=False).encode()


def invalid_request(message: str, code: str | None = None, param: str | None = None) -> ApiError:
    """Return a 400: the request cannot be understood."""
    return ApiError(400, message, code, param=param)


def missing_key() -> ApiError:
    """Return the 401 for a request without an API key."""
    return ApiError(401, "No API key was given: send it as `Authorization: Bearer <key>`.", "missing_api_key")


def wrong_key() -> ApiError:
    """Return the 401 for an API key that is not known; the key itself is never repeated."""
    return ApiError(401, "The API key is not valid: it is unknown, or it has been revoked.", "invalid_api_key")


def model_not_found(model: str) -> ApiError:
    """Return the 404 for a model that does not exist or is not the tenant's; which of the two is not told."""
    message = f"The model `{model[:200]}` does not exist or you do not have access to it. GET /v1/models lists yours."
    return ApiError(404, message, "model_not_found", param="model")


def unknown_path(method: str, path: str) -> ApiError:
    """Return the 404 for a path that is not served."""
    return ApiError(404, f"Unknown address: {method} {path[:200]}", "unknown_url")


def wrong_method(method: str, path: str, allowed: str) -> ApiError:
    """Return the 405 for a path that is served with another method."""
    return ApiError(405, f"{method} is not served at {path}; use {allowed}.", "method_not_allowed")


def too_large(limit: int) -> ApiError:
    """Return the 413 for a body above the limit (in bytes)."""
    return ApiError(413, f"The request body is larger than the {limit} bytes that are allowed.", "request_too_large")


def timed_out(seconds: float, backend: str | None) -> ApiError:
    """Return the 504 for a request that took longer than allowed."""
    whom = f"backend '{backend}' did not finish" if backend else "the request did not finish"
    return ApiError(504, f"{whom[0].upper()}{whom[1:]} within {seconds:g} seconds.", "request_timeout")
